"""Free memory: what the system has left, and what control groups leave of it."""

from pathlib import Path

import pytest

from edgecls.runtime.machine.memory import available_memory_bytes

MEMINFO = "MemTotal: 64 kB\nMemFree: 10 kB\nMemAvailable:   40 kB\n"


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/job/task\n"}
V1 = {"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/job\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 40960),
        ({**V2, "sys/fs/cgroup/job/task/memory.max": "max\n", "sys/fs/cgroup/job/task/memory.current": "9\n"}, 40960),
        ({**V2, "sys/fs/cgroup/job/memory.max": "30000\n", "sys/fs/cgroup/job/memory.current": "10000\n"}, 20000),
        (
            {
                **V2,
                "sys/fs/cgroup/job/memory.max": "30000\n",
                "sys/fs/cgroup/job/memory.current": "10000\n",
                "sys/fs/cgroup/job/memory.stat": "anon 4000\ninactive_file 5000\n",
            },
            25000,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5000\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "7000\n",
            },
            0,
        ),
    ],
    ids=["no-groups", "no-limit", "limit-of-a-parent", "files-in-memory-are-free", "v1-and-nothing-left"],
)
def test_the_tightest_limit_counts(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    root = _write(tmp_path, {"proc/meminfo": MEMINFO, **files})

    assert available_memory_bytes(root=root) == expected


def test_this_machine_has_memory() -> None:
    available = available_memory_bytes()

    assert available is not None
    assert available > 1 << 20
