"""Holding back what compiled libraries write to standard error."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("ending", "stderr"),
    [("pass", "after\n"), ("raise SystemExit(3)", "notice\n")],
    ids=["all-well", "a-fault"],
)
def test_it_comes_out_only_with_a_fault(ending: str, stderr: str) -> None:
    script = (
        "import os\n"
        "from edgecls.commands.terminal import held_back\n"
        "with held_back():\n"
        "    os.write(2, b'notice\\n')\n"
        f"    {ending}\n"
        "os.write(2, b'after\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stderr == stderr
