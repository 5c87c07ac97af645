"""Counting the cores this process may use, on made-up /proc and /sys folders and on this machine."""

import os
from pathlib import Path

import pytest

from edgecls.runtime.machine.cores import count_cores, usable_cores


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def eight_cores_by_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "5000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 8),
        (
            {
                "proc/self/cgroup": "0::/work.slice/job.scope\n",
                "sys/fs/cgroup/work.slice/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/work.slice/job.scope/cpu.max": "max 100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/box\n3:cpuacct,cpu:/box\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/box\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "not a quota\n"}, 8),
    ],
    ids=[
        "no-control-groups",
        "v2-unlimited",
        "v2-two",
        "v2-one-and-a-half",
        "v2-a-twentieth",
        "v2-more-than-affinity",
        "v2-limit-on-the-parent",
        "v1-four",
        "v1-unlimited",
        "unreadable",
    ],
)
def test_the_smaller_of_affinity_and_quota_counts(tmp_path: Path, files: dict[str, str], cores: int) -> None:
    assert usable_cores(root=_write(tmp_path, files)) == cores


def test_without_affinity_the_cores_of_the_machine_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)

    assert usable_cores(root=tmp_path) == 6


def test_every_way_of_counting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}

    count = count_cores(root=_write(tmp_path, files))

    assert (count.host, count.affinity, count.quota, count.usable) == (64, 8, 1.5, 1)
