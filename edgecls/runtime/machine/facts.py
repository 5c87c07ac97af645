"""What a reader has to know about where figures were taken."""

import importlib.metadata
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

from edgecls import __version__
from edgecls.runtime.execution import wheels
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.processor import read_processor

__all__ = ["git_revision", "machine_facts"]

PACKAGES = ("numpy", "click")  # beside edgecls and the wheels that bring OpenCV and onnxruntime
GIT_TIMEOUT_S = 20.0


def machine_facts(folder: Path) -> dict[str, Any]:
    """Return processor, usable cores, system, versions, revision and time, as JSON can hold them.

    Args:
        folder: Where `revision` is taken from, as `git_revision` does.
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
        "revision": git_revision(folder),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def git_revision(folder: Path) -> str | None:
    """Return the revision of the Git repository that a folder lies in, with "-dirty" where files have been changed.

    None if the folder is in no repository, the repository has no commit, or there is no Git here.
    """
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(  # noqa: S603  a program with arguments of our own
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
