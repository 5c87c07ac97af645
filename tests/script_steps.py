"""What the scripts beside the tests share: they run programs, and say how far they are."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["BIN", "REPOSITORY", "call", "environment_without_requirements", "say"]

REPOSITORY = Path(__file__).parents[1]
BIN = "Scripts" if os.name == "nt" else "bin"
"""Where a virtual environment has its programs."""


def say(text: str) -> None:
    """Write a line for whoever watches."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def call(*command: object) -> None:
    """Run a program.

    Raises:
        CalledProcessError: It failed.
    """
    subprocess.run(list(map(str, command)), check=True)


def environment_without_requirements() -> dict[str, str]:
    """Return this environment without EDGECLS_REQUIRE_..., which is about what only all extras bring."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EDGECLS_REQUIRE_")}
