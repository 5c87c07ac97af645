"""Shared libraries that NVIDIA's providers need in addition to onnxruntime: loading them, and getting missing ones."""

import contextlib
import ctypes
import functools
import importlib.util
import io
import re
import sys
from pathlib import Path

from edgecls.runtime.execution.gpu import DRIVER_LIBRARY
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider

__all__ = ["TENSORRT_LIBRARY", "built_for_cuda", "lazily_loaded", "missing_libraries", "what_brings"]

_ON_WINDOWS = sys.platform == "win32"
_CUDNN = "cudnn64_9.dll" if _ON_WINDOWS else "libcudnn.so.9"
TENSORRT_LIBRARY = "nvinfer_10.dll" if _ON_WINDOWS else "libnvinfer.so.10"
_TENSORRT = (TENSORRT_LIBRARY, "nvonnxparser_10.dll" if _ON_WINDOWS else "libnvonnxparser.so.10")


def built_for_cuda() -> str | None:
    """Return the version of CUDA that the installed onnxruntime was built for, as "13.0"; None for none."""
    load_onnxruntime()
    from onnxruntime.capi import build_and_package_info

    return getattr(build_and_package_info, "cuda_version", None) or None


def missing_libraries(provider: Provider) -> tuple[str, ...]:
    """Return the names of the libraries without which a provider cannot be loaded, after loading all others.

    Args:
        provider: One that runs on NVIDIA's GPUs.
    """
    missing = [] if _loads(DRIVER_LIBRARY) else [DRIVER_LIBRARY]
    missing += _preload_cuda()
    if provider is Provider.TENSORRT:
        missing += [name for name in (_CUDNN, *_TENSORRT) if not _loads_tensorrt(name)]
    return tuple(missing)


def lazily_loaded() -> tuple[str, ...]:
    """Return the names of the missing libraries that CUDA loads without, but needs for convolutions."""
    return () if _loads(_CUDNN) else (_CUDNN,)


def what_brings(libraries: tuple[str, ...]) -> str:
    """Return what to do for missing libraries, as one phrase with the exact commands."""
    major = (built_for_cuda() or "13").partition(".")[0]
    others = [name for name in libraries if name not in (DRIVER_LIBRARY, *_TENSORRT)]
    steps = []
    if DRIVER_LIBRARY in libraries:
        steps.append("install the NVIDIA driver (it needs a machine with an NVIDIA GPU)")
    if others:
        steps.append('pip install "onnxruntime-gpu[cuda,cudnn]"')
    if set(_TENSORRT) & set(libraries):
        steps.append(f'pip install "tensorrt-cu{major}>=10,<11"')
    return ", then ".join(steps)


@functools.cache
def _preload_cuda() -> tuple[str, ...]:
    """Load CUDA and cuDNN from their pip packages or the system, and return the names of those that are missing.

    onnxruntime looks for these packages beside itself only. They lie elsewhere where it was installed into a folder of
    its own (`pip install --target`, `--user`) and they came with PyTorch or JAX, so each folder that has some is tried.
    """
    onnxruntime = load_onnxruntime()
    with contextlib.redirect_stdout(io.StringIO()):  # what one folder lacks, another may have
        for folder in _nvidia_folders():
            onnxruntime.preload_dlls(directory=str(folder))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        onnxruntime.preload_dlls()
    return tuple(dict.fromkeys(Path(name).name for name in re.findall(r"Failed to load (.+?): ", printed.getvalue())))


def _nvidia_folders() -> list[Path]:
    """Return the folders of libraries that pip packages of NVIDIA's have brought, wherever Python finds packages."""
    package = importlib.util.find_spec("nvidia")
    places = package.submodule_search_locations or () if package else ()
    pattern = "*/bin*/**/*.dll" if _ON_WINDOWS else "*/lib/*.so*"
    return sorted({library.parent for place in places for library in Path(place).glob(pattern)})


def _loads_tensorrt(name: str) -> bool:
    """Load a library of TensorRT's from its pip package, where no loader looks, or from the system."""
    package = importlib.util.find_spec("tensorrt_libs")
    places = package.submodule_search_locations or () if package else ()
    return any(_loads(str(Path(place) / name)) for place in places) or _loads(name)


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
