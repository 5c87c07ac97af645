"""The NVIDIA GPUs of this machine, as reported by the driver; needs no package, only the driver's own libraries."""

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgecls.errors import ProviderError

__all__ = ["DRIVER_LIBRARY", "Gpu", "GpuReport", "find_gpus", "gpu_environment", "this_machine", "use_gpu"]

DRIVER_LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
"""The driver's library that every CUDA program loads."""

_MANAGEMENT_LIBRARY = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
_UNIQUE_NAMES = ("GPU-", "MIG-")
_COMPUTE_CAPABILITY_MAJOR, _COMPUTE_CAPABILITY_MINOR = 75, 76  # CUdevice_attribute
_NAME_LENGTH = 96


@dataclass(frozen=True)
class Gpu:
    """One GPU.

    Attributes:
        name: As its maker calls it.
        compute_capability: What its cores can do, as "9.0".
        memory_bytes: Its whole memory.
    """

    name: str
    compute_capability: str
    memory_bytes: int


@dataclass(frozen=True)
class GpuReport:
    """What the NVIDIA driver says.

    Attributes:
        driver: Version of the driver, as "580.65.06"; None if unknown.
        cuda: The newest CUDA that the driver can run, as "13.0"; None without a driver.
        gpus: Those this process may use, in CUDA's order.
        problem: Why there is none; None if there is one.
    """

    driver: str | None
    cuda: str | None
    gpus: tuple[Gpu, ...]
    problem: str | None


@functools.cache
def this_machine() -> GpuReport:
    """Return `find_gpus` for this machine, asked once."""
    return find_gpus()


def find_gpus(*, load: Callable[[str], Any] = ctypes.CDLL) -> GpuReport:
    """Ask the NVIDIA driver for its GPUs.

    CUDA_VISIBLE_DEVICES counts: hidden ones are not in the answer.

    Args:
        load: Opens a shared library by its name; raises OSError where there is none.
    """
    try:
        cuda = load(DRIVER_LIBRARY)
    except OSError:
        return GpuReport(None, None, (), f"there is no NVIDIA driver here (cannot load {DRIVER_LIBRARY})")
    driver, newest = _driver_version(load), _newest_cuda(cuda)
    count = ctypes.c_int()
    status = cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))
    if status:
        return GpuReport(driver, newest, (), f"the NVIDIA driver finds no GPU that it can use ({_words(cuda, status)})")
    if not count.value:
        return GpuReport(driver, newest, (), "the NVIDIA driver finds no GPU")
    return GpuReport(driver, newest, tuple(_describe(cuda, index) for index in range(count.value)), None)


def use_gpu(number: int) -> None:
    """Hide all GPUs but one from this process and those it starts; before anything has used CUDA.

    Raises:
        ProviderError: As `gpu_environment`.
    """
    os.environ.update(gpu_environment(number))


def gpu_environment(number: int, *, load: Callable[[str], Any] = ctypes.CDLL) -> dict[str, str]:
    """Return the environment variables with which a process finds one GPU only.

    The driver is asked without starting CUDA, which would read these variables.

    Args:
        number: Of the GPU, from 0: as nvidia-smi counts, or where CUDA_VISIBLE_DEVICES is set, the place in it.
        load: Opens a shared library by its name; raises OSError where there is none.

    Raises:
        ProviderError: There is no such GPU.
    """
    listed = os.environ.get(_VISIBLE)
    count = _installed(load)
    if listed is None:
        names = [str(index) for index in range(count)]
    else:
        names = []
        for name in map(str.strip, listed.split(",")):
            if not (name.startswith(_UNIQUE_NAMES) or (name.isdecimal() and len(name) < 10 and int(name) < count)):
                break  # CUDA passes over this one and all after it
            names.append(name)
    if number >= len(names):
        where = "this machine" if listed is None else f"{_VISIBLE}={listed}"
        has = f"{where} has {len(names)}, counted from 0" if names else f"{where} has none that the NVIDIA driver knows"
        raise ProviderError(f"there is no GPU {number}: {has}; nvidia-smi lists them")
    return {_VISIBLE: names[number], **({_ORDER: "PCI_BUS_ID"} if listed is None else {})}


def _installed(load: Callable[[str], Any]) -> int:
    """Return the number of GPUs, hidden ones included."""
    try:
        management = load(_MANAGEMENT_LIBRARY)
    except OSError:
        return 0
    count = ctypes.c_uint()
    if management.nvmlInit_v2():
        return 0
    failed = management.nvmlDeviceGetCount_v2(ctypes.byref(count))
    management.nvmlShutdown()
    return 0 if failed else count.value


def _describe(cuda: Any, index: int) -> Gpu:
    device, major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(_NAME_LENGTH)
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, _NAME_LENGTH, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), _COMPUTE_CAPABILITY_MAJOR, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), _COMPUTE_CAPABILITY_MINOR, device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(name.value.decode(errors="replace"), f"{major.value}.{minor.value}", memory.value)


def _newest_cuda(cuda: Any) -> str | None:
    version = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(version)):
        return None
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _words(cuda: Any, status: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorName(status, ctypes.byref(text))
    return (text.value or f"CUDA error {status}".encode()).decode(errors="replace")


def _driver_version(load: Callable[[str], Any]) -> str | None:
    try:
        management = load(_MANAGEMENT_LIBRARY)
    except OSError:
        return None
    text = ctypes.create_string_buffer(_NAME_LENGTH)
    if management.nvmlInit_v2():
        return None
    failed = management.nvmlSystemGetDriverVersion(text, _NAME_LENGTH)
    management.nvmlShutdown()
    return None if failed else text.value.decode(errors="replace")
