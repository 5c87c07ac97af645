"""How many processor cores this process may really use.

onnxruntime sizes its thread pool to the host; inside a container, a cpuset or a batch job that is
too many. Counted here: the affinity mask, then the CPU quota of the control groups (v2 and v1).
"""

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["usable_cores"]


def usable_cores(*, root: Path = Path("/")) -> int:
    """Return the number of cores this process may keep busy, at least 1.

    Args:
        root: Where /proc and /sys are found; another folder only in tests.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Yield every CPU quota that applies to this process, in cores."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _quotas_v2(root / "sys/fs/cgroup", group)
        elif "cpu" in controllers.split(","):
            yield from _quotas_v1(root / "sys/fs/cgroup/cpu", group)


def _with_parents(mount: Path, group: str) -> Iterator[Path]:
    """Yield the folder of a group and those of all groups it lies in, for a limit on any of them counts."""
    folder = mount / group.strip("/")
    yield folder
    while folder != mount:
        folder = folder.parent
        yield folder


def _quotas_v2(mount: Path, group: str) -> Iterator[float]:
    for folder in _with_parents(mount, group):
        try:
            quota, period = (folder / "cpu.max").read_text().split()
            if quota != "max":
                yield int(quota) / int(period)
        except (OSError, ValueError):
            continue


def _quotas_v1(mount: Path, group: str) -> Iterator[float]:
    for folder in _with_parents(mount, group):
        try:
            quota = int((folder / "cpu.cfs_quota_us").read_text())
            period = int((folder / "cpu.cfs_period_us").read_text())
            if quota > 0 and period > 0:
                yield quota / period
        except (OSError, ValueError):
            continue
