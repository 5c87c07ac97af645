"""What users write type-checks, and what they should not write does not."""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_calls_of_users_type_check() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(TESTS / "typing" / "user_calls.py")],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
