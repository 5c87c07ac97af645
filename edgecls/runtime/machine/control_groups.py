"""The control groups this process is in, on Linux: limits that a container or a batch job sets.

A limit on any group counts for all groups within it, so each comes with those it lies in.
"""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["own_groups_v1", "own_groups_v2"]


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
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        yield controllers, group


def _with_parents(mount: Path, group: str) -> Iterator[Path]:
    folder = mount / group.strip("/")
    yield folder
    while folder != mount:
        folder = folder.parent
        yield folder
