"""How much memory this process may still take."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edgecls.runtime.machine.cores import own_groups_v1, own_groups_v2

__all__ = ["available_memory_bytes", "total_memory_bytes"]


def available_memory_bytes(*, root: Path = Path("/")) -> int | None:
    """Return the number of bytes that can be allocated without swapping, or None if unknown.

    Counted are what the system has left and, on Linux, what the limits of the control groups (v2
    and v1) leave; files that the system keeps in memory count as free.

    Args:
        root: Where /proc and /sys are found; another folder only in tests.
    """
    if sys.platform == "win32":
        return _windows_memory_bytes("available")
    left = [*_left_in_system(root), *_left_in_groups(root)]
    return max(0, min(left)) if left else None


def total_memory_bytes() -> int | None:
    """Return the memory of the machine, whatever this process may take of it, or None if unknown."""
    if sys.platform == "win32":
        return _windows_memory_bytes("total")
    return _pages_bytes("SC_PHYS_PAGES")


if sys.platform == "win32":

    def _windows_memory_bytes(which: Literal["total", "available"]) -> int | None:
        """Return the physical memory as GlobalMemoryStatusEx reports it."""
        import ctypes

        class MemoryStatus(ctypes.Structure):
            _fields_ = (
                ("length", ctypes.c_uint32),
                ("load_percent", ctypes.c_uint32),
                ("total", ctypes.c_uint64),
                ("available", ctypes.c_uint64),
                *((f"unused_{number}", ctypes.c_uint64) for number in range(5)),
            )

        status = MemoryStatus()
        status.length = ctypes.sizeof(status)
        if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
            return None
        return int(getattr(status, which))


def _pages_bytes(name: str) -> int | None:
    if sys.platform == "win32":
        return None
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _left_in_system(root: Path) -> Iterator[int]:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                yield int(value.split()[0]) * 1024
                return
    except (OSError, ValueError, IndexError):
        pass
    left_bytes = _pages_bytes("SC_AVPHYS_PAGES")
    if left_bytes is not None:
        yield left_bytes


def _left_in_groups(root: Path) -> Iterator[int]:
    for folder in own_groups_v2(root):
        yield from _left_below(folder / "memory.max", folder / "memory.current", folder / "memory.stat")
    for folder in own_groups_v1(root, "memory"):
        usage = folder / "memory.usage_in_bytes"
        yield from _left_below(folder / "memory.limit_in_bytes", usage, folder / "memory.stat")


def _left_below(limit: Path, usage: Path, statistics: Path) -> Iterator[int]:
    try:
        allowed = int(limit.read_text())  # "max" where there is none
        taken = int(usage.read_text())
    except (OSError, ValueError):
        return
    yield allowed - taken + _reclaimable(statistics)


def _reclaimable(statistics: Path) -> int:
    try:
        for line in statistics.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "inactive_file":
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
