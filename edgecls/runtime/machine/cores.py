"""How many processor cores this process may really use.

onnxruntime sizes its thread pool to the host; inside a container, a cpuset or a batch job that is
too many. Counted here: the affinity mask, then the CPU quota of the control groups (v2 and v1).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CoreCount", "busy_load", "count_cores", "own_groups_v1", "own_groups_v2", "usable_cores"]

BUSY = 0.3  # load per core of the host above which other programs disturb measurements


def own_groups_v2(root: Path) -> Iterator[Path]:
    """Yield the folders of the unified hierarchy that apply to this process, innermost first.

    Args:
        root: Where /proc and /sys are found.
    """
    for controllers, group in _memberships(root):
        if not controllers:
            yield from _with_parents(root / "sys/fs/cgroup", group)


def own_groups_v1(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of one controller's own hierarchy, as "cpu", that apply to this process."""
    for controllers, group in _memberships(root):
        if controller in controllers.split(","):
            yield from _with_parents(root / "sys/fs/cgroup" / controller, group)


def _memberships(root: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        _, first, rest = line.partition(":")
        controllers, second, group = rest.partition(":")
        if first and second:
            yield controllers, group


def _with_parents(mount: Path, group: str) -> Iterator[Path]:
    folder = mount / group.strip("/")
    yield folder
    while folder != mount:
        folder = folder.parent
        yield folder


@dataclass(frozen=True)
class CoreCount:
    """How many cores there are, by each of the ways to count them.

    Attributes:
        host: All that the machine has.
        affinity: Those this process may run on.
        quota: What the tightest control group leaves, in cores; None without a limit.
    """

    host: int
    affinity: int
    quota: float | None

    @property
    def usable(self) -> int:
        """What this process may keep busy, at least 1."""
        return max(1, self.affinity if self.quota is None else min(self.affinity, int(self.quota)))


def usable_cores(*, root: Path = Path("/")) -> int:
    """Return the number of cores this process may keep busy, at least 1.

    Args:
        root: Where /proc and /sys are found; another folder only in tests.
    """
    return count_cores(root=root).usable


def count_cores(*, root: Path = Path("/")) -> CoreCount:
    """Return how many cores there are, and how many of them this process may use.

    Args:
        root: As for `usable_cores`.
    """
    host = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else host
    return CoreCount(host, allowed, min(_quotas(root), default=None))


def _quotas(root: Path) -> Iterator[float]:
    """Yield every CPU quota that applies to this process, in cores."""
    for folder in own_groups_v2(root):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                yield int(quota) / int(period)
        except (OSError, ValueError):
            continue
    for folder in own_groups_v1(root, "cpu"):
        try:
            microseconds = int((folder / "cpu.cfs_quota_us").read_text())
            of_microseconds = int((folder / "cpu.cfs_period_us").read_text())
            if microseconds > 0 and of_microseconds > 0:
                yield microseconds / of_microseconds
        except (OSError, ValueError):
            continue


def busy_load() -> float | None:
    """Return the load of the last minute if it disturbs measurements; None if it does not, or is unknown."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return load if load > BUSY * count_cores().host else None
