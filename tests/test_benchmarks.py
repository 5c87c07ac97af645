"""The documents say what was measured: every figure comes from a file in benchmarks/results."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
BENCHMARKS = REPOSITORY / "benchmarks"
RESULTS = sorted((BENCHMARKS / "results").glob("*.json"))


def test_the_documents_agree_with_the_results() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "render_report.py", "--check"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_picture_in_the_report_is_there() -> None:
    report = (REPOSITORY / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", report)

    assert shown
    assert all((REPOSITORY / "docs" / name).stat().st_size > 1000 for name in shown)


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_says_where_it_was_taken(path: Path) -> None:
    machine = json.loads(path.read_text(encoding="utf-8"))["machine"]

    assert {"processor", "usable_cores", "python", "packages", "revision", "time"} <= machine.keys()


@pytest.mark.parametrize(
    "script",
    [
        path
        for path in sorted(BENCHMARKS.glob("*.py"))
        if "argparse" in path.read_text(encoding="utf-8") and path.stem != "gpu_torch"
    ],
    ids=lambda path: path.stem,
)
def test_every_script_tells_its_question(script: Path) -> None:
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)

    assert "?" in done.stdout or script.stem in ("render_report", "run_all")
