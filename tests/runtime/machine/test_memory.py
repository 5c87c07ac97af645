"""Free memory: what the system has left, and what control groups leave of it."""

import ctypes
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from edgecls.runtime.machine import memory
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


def test_on_windows_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the code for Windows with a stand-in for its system library, which fills in the fields by offset."""

    def fill(reference: Any) -> int:
        fields = (ctypes.c_uint64 * 8).from_buffer(reference._obj)
        assert ctypes.c_uint32.from_buffer(reference._obj).value == 64
        fields[1], fields[2] = 16 << 30, 5 << 30
        return 1

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(
        ctypes, "windll", SimpleNamespace(kernel32=SimpleNamespace(GlobalMemoryStatusEx=fill)), raising=False
    )
    spec = importlib.util.spec_from_file_location("memory_on_windows", memory.__file__)
    assert spec is not None
    assert spec.loader is not None
    on_windows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_windows)

    assert on_windows.total_memory_bytes() == 16 << 30
    assert on_windows.available_memory_bytes() == 5 << 30
