"""What a reader has to know about the machine on which something was measured."""

import importlib.metadata
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgecls import __version__
from edgecls.runtime.machine import wheels
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor

__all__ = ["git_revision", "machine_facts"]

PACKAGES = ("numpy", "click")  # in addition to edgecls and the wheels that bring OpenCV and onnxruntime
GIT_TIMEOUT_S = 20.0


def machine_facts(folder: Path, *, besides: Sequence[str] = ()) -> dict[str, Any]:
    """Return processor, usable cores, system, versions, revision and time, as JSON can hold them.

    Args:
        folder: Where `revision` is taken from, as `git_revision` does.
        besides: As for `git_revision`.
    """
    packages = {"edgecls": __version__}
    for package in PACKAGES:
        try:
            packages[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    for wheel in wheels.wheels_of("cv2") + wheels.wheels_of("onnxruntime"):
        packages[wheel.name] = wheel.version
    return {
        "processor": read_processor().name,
        "usable_cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": packages,
        "revision": git_revision(folder, besides=besides),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def git_revision(folder: Path, *, besides: Sequence[str] = ()) -> str | None:
    """Return the revision of the Git repository that a folder lies in, with "-dirty" where files have been changed.

    None if the folder is in no repository, the repository has no commit, or there is no Git here.

    Args:
        folder: Any folder of it.
        besides: Files and folders of the repository, from its root, whose changes do not count; patterns of Git.
    """
    try:
        revision = _git(folder, "describe", "--always")
        tracked = ["--porcelain", "--untracked-files=no", "--", ":(top)"]
        changes = _git(folder, "status", *tracked, *(f":(top,exclude){path}" for path in besides))
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{revision}-dirty" if changes else revision


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(  # noqa: S603  a program with arguments of our own
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=GIT_TIMEOUT_S, check=True
    )
    return done.stdout.strip()
