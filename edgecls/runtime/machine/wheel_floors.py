"""What the wheels of onnxruntime and OpenCV need of the system: a libc, and how new it must be."""

import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["System", "missing_floor", "this_system"]

GLIBC = (2, 28)
"""For onnxruntime from 1.29 on. Its older wheels need 2.27; those of OpenCV 5 need 2.17."""
MACOS = (14, 0)
"""For onnxruntime from 1.24 on, on Apple's processors; OpenCV 5 needs 14 on Intel's."""
LAST_FOR_INTEL_MACS = "1.23.2"


@dataclass(frozen=True)
class System:
    """A system, as far as it decides which wheels can be installed.

    Attributes:
        name: As `sys.platform`.
        machine: As `platform.machine`.
        libc: "glibc" or "musl" on Linux; empty if unknown.
        libc_version: As in (2, 36); empty if unknown.
        version: Of macOS, as in (14, 5); empty elsewhere.
    """

    name: str
    machine: str
    libc: str = ""
    libc_version: tuple[int, ...] = ()
    version: tuple[int, ...] = ()


def this_system(*, root: Path = Path("/")) -> System:
    """Return what this machine runs; `root` is where its files are looked up."""
    machine = platform.machine()
    if sys.platform == "darwin":
        return System(sys.platform, machine, version=_numbers(platform.mac_ver()[0]))
    if sys.platform != "linux":
        return System(sys.platform, machine)
    libc, version = platform.libc_ver()
    if libc == "glibc":
        return System(sys.platform, machine, libc, _numbers(version))
    if libc == "musl" or any((root / "lib").glob("ld-musl-*.so.1")):  # Python before 3.13.1 does not know musl
        return System(sys.platform, machine, "musl", _numbers(version))
    return System(sys.platform, machine)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def missing_floor(system: System) -> tuple[str, tuple[str, ...]] | None:
    """Return why the newest wheels cannot be installed on a system, and what to do about it; None if they can."""
    if system.libc == "musl":
        return (
            "this system has musl instead of glibc (as Alpine does), and there are no wheels of onnxruntime and OpenCV "
            "for musl",
            ("use an image with glibc, as python:3.13-slim of Debian; deploy/Dockerfile is made so",),
        )
    if system.libc == "glibc" and system.libc_version and system.libc_version < GLIBC:
        return (
            f"glibc is {_text(system.libc_version)}; the wheels of onnxruntime from 1.29 on need {_text(GLIBC)}, and "
            "older ones 2.27",
            ("use a newer system: Debian 10, Ubuntu 20.04, RHEL 8 or later",),
        )
    if system.name == "darwin" and system.machine == "x86_64":
        return (
            f"this is a Mac with Intel's processor, for which onnxruntime {LAST_FOR_INTEL_MACS} is the last one",
            (f'pip install "edgecls[cpu]" "onnxruntime=={LAST_FOR_INTEL_MACS}"',),
        )
    if system.name == "darwin" and system.version and system.version < MACOS:
        return (
            f"macOS is {_text(system.version)}; the wheels of onnxruntime from 1.24 on need {_text(MACOS)}",
            ("update macOS", f'or pip install "edgecls[cpu]" "onnxruntime=={LAST_FOR_INTEL_MACS}"'),
        )
    if system.name == "win32" and system.machine.upper() == "ARM64":
        return (
            "there is no wheel of OpenCV for Windows on ARM",
            ("install the x86-64 build of Python, which Windows emulates",),
        )
    return None


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
