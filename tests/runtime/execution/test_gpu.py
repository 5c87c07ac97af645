"""NVIDIA GPUs: what the driver's libraries say, by a driver made up of Python functions, and on this machine."""

import ctypes
from typing import Any

import pytest

from edgecls.errors import ProviderError
from edgecls.runtime.execution.gpu import Gpu, find_gpus, gpu_environment, this_machine


class _Driver:
    """Answers as libcuda and libnvidia-ml do: status first, results through pointers."""

    def __init__(self, *, status: int = 0, count: int = 2) -> None:
        self._status = status
        self._count = count

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return self._status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self._count
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = 12080
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:  # noqa: N802
        name.value = f"GPU {device.value}".encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:  # noqa: N802
        value._obj.value = {75: 8, 76: 6}[attribute]
        return 0

    def cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:  # noqa: N802
        memory._obj.value = 24 << 30
        return 0

    def cuGetErrorName(self, status: int, text: Any) -> int:  # noqa: N802
        text._obj.value = b"CUDA_ERROR_NO_DEVICE"
        return 0

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, length: int) -> int:  # noqa: N802
        text.value = b"570.86.10"
        return 0

    def nvmlShutdown(self) -> int:  # noqa: N802
        return 0


def test_every_gpu_is_told_with_driver_and_cuda() -> None:
    report = find_gpus(load=lambda name: _Driver())

    assert report.gpus == (Gpu("GPU 0", "8.6", 24 << 30), Gpu("GPU 1", "8.6", 24 << 30))
    assert (report.driver, report.cuda, report.problem) == ("570.86.10", "12.8", None)


@pytest.mark.parametrize(
    ("driver", "problem"),
    [
        (_Driver(status=100), "finds no GPU that it can use (CUDA_ERROR_NO_DEVICE)"),
        (_Driver(count=0), "finds no GPU"),
    ],
    ids=["error", "none"],
)
def test_a_driver_without_a_gpu_says_why(driver: _Driver, problem: str) -> None:
    report = find_gpus(load=lambda name: driver)

    assert report.gpus == ()
    assert report.problem == f"the NVIDIA driver {problem}"


def test_without_a_driver_its_library_is_named() -> None:
    def load(name: str) -> Any:
        raise OSError(name)

    report = find_gpus(load=load)

    assert (report.driver, report.cuda, report.gpus) == (None, None, ())
    assert "no NVIDIA driver here (cannot load " in (report.problem or "")


def test_this_machine_has_gpus_or_a_reason() -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        assert this_machine().problem
    assert bool(this_machine().gpus) != bool(this_machine().problem)


@pytest.mark.gpu
def test_the_first_gpu_has_a_name_and_memory() -> None:
    report = this_machine()

    assert report.problem is None
    assert report.gpus[0].name
    assert report.gpus[0].memory_bytes > 1 << 30
    assert report.driver


class _Management:
    """Answers as libnvidia-ml does, of a machine with two GPUs."""

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 2
        return 0

    def nvmlShutdown(self) -> int:  # noqa: N802
        return 0


def _no_driver(name: str) -> Any:
    raise OSError(name)


@pytest.mark.parametrize(
    ("listed", "number", "chosen"),
    [
        (None, 0, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        (None, 1, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        ("1,0", 0, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("1", 0, {"CUDA_VISIBLE_DEVICES": "1"}),
        ("GPU-5f2a, 1", 0, {"CUDA_VISIBLE_DEVICES": "GPU-5f2a"}),
        ("GPU-5f2a, 1", 1, {"CUDA_VISIBLE_DEVICES": "1"}),
    ],
)
def test_one_gpu_is_left_to_see(
    monkeypatch: pytest.MonkeyPatch, listed: str | None, number: int, chosen: dict[str, str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)

    assert gpu_environment(number, load=lambda name: _Management()) == chosen


@pytest.mark.parametrize(
    ("listed", "number", "load", "told"),
    [
        (None, 2, lambda name: _Management(), "there is no GPU 2: this machine has 2, counted from 0"),
        (None, 0, _no_driver, "there is no GPU 0: this machine has none"),
        ("1", 1, lambda name: _Management(), "CUDA_VISIBLE_DEVICES=1 has 1, counted from 0"),
        ("", 0, lambda name: _Management(), "CUDA_VISIBLE_DEVICES= has none"),
        ("7,1", 1, lambda name: _Management(), "CUDA_VISIBLE_DEVICES=7,1 has none"),
        ("-1", 0, lambda name: _Management(), "CUDA_VISIBLE_DEVICES=-1 has none"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, listed: str | None, number: int, load: Any, told: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)

    with pytest.raises(ProviderError, match=told):
        gpu_environment(number, load=load)
