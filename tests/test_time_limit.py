"""A test that hangs fails, and the tests after it run."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = """
import threading


def test_that_hangs():
    threading.Event().wait()


def test_after_it():
    pass
"""


def test_a_test_that_hangs_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]

    done = subprocess.run(
        [*command, "-o", "timeout=1", tmp_path / "test_two.py"], capture_output=True, encoding="utf-8", check=False
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout


def test_the_limit_of_a_test_comes_before_the_end_of_the_run() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]

    assert 25 * 5 * 5 < options["timeout"] < options["faulthandler_timeout"]  # slow, and as busy again
