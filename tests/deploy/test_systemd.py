"""The systemd unit, by systemd itself."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from deployed_files import DEPLOY

UNIT = (DEPLOY / "systemd" / "edgecls.service").read_text(encoding="utf-8")
SETTINGS = [line for line in UNIT.splitlines() if re.match(r"\w+=", line)]


def _complaints(unit: str, folder: Path) -> str:
    """Return what systemd says of a unit whose program exists; it ends well whatever it says."""
    if shutil.which("systemd-analyze") is None and "EDGECLS_REQUIRE_DEPLOY" not in os.environ:
        pytest.skip("systemd-analyze is not installed (Debian: apt install systemd)")
    path = folder / "edgecls.service"
    path.write_text(unit.replace("/opt/edgecls/bin/edgecls", "/bin/true"), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(path)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.stderr + done.stdout * bool(done.returncode)


def test_systemd_has_nothing_to_say_about_the_unit(tmp_path: Path) -> None:
    assert _complaints(UNIT, tmp_path) == ""


@pytest.mark.parametrize("line", SETTINGS)
def test_no_setting_can_be_misspelt(tmp_path: Path, line: str) -> None:
    name, _, value = line.partition("=")

    assert _complaints(UNIT.replace(line, f"{name}x={value}", 1), tmp_path) != ""
