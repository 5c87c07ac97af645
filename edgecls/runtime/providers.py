"""Execution providers: what a network can run on here, and why not on the others.

onnxruntime falls back to the CPU without an exception in several ways. So nothing is taken on
trust here: the list of compiled-in providers is asked first, the session is created with
fallback switched off, and afterwards the session is asked what it really uses.
"""

import contextlib
import functools
import io
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

from edgecls.extras import import_from_extra

__all__ = [
    "Provider",
    "SkippedProvider",
    "candidates",
    "load_onnxruntime",
    "missing",
    "preload_gpu_libraries",
    "skipped",
]


class Provider(StrEnum):
    """What runs the network. AUTO takes the first that works here: TensorRT, CUDA, CPU."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    CPU = "cpu"

    @property
    def onnxruntime_name(self) -> str:
        """The name onnxruntime knows it by."""
        return _ONNXRUNTIME_NAMES[self]

    @property
    def onnxruntime_names(self) -> list[str]:
        """The provider and those that take the nodes it cannot run, in onnxruntime's order."""
        order = list(_ONNXRUNTIME_NAMES.values())
        return order[order.index(self.onnxruntime_name) :]


_ONNXRUNTIME_NAMES = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}

_REMEDIES = {
    Provider.CUDA: (
        'it needs an NVIDIA GPU with its driver, and: pip uninstall onnxruntime, then pip install "edgecls[gpu]"'
    ),
    Provider.TENSORRT: (
        "it needs an NVIDIA GPU with its driver, the extra edgecls[gpu] in place of edgecls[cpu], "
        "and TensorRT 10: pip install 'tensorrt-cu13>=10,<11'"
    ),
    Provider.CPU: 'reinstall it with: pip install --force-reinstall "edgecls[cpu]"',
}


@dataclass(frozen=True)
class SkippedProvider:
    """A provider that was tried and cannot be used.

    Attributes:
        provider: Which one.
        reason: What went wrong, in onnxruntime's words where it has some.
        remedy: What would make it work.
    """

    provider: Provider
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.provider}: {self.reason}; {self.remedy}"


def skipped(provider: Provider, reason: str) -> SkippedProvider:
    """Return the record of a provider that cannot be used for `reason`, with its remedy."""
    return SkippedProvider(provider, reason, _REMEDIES[provider])


def candidates(provider: Provider) -> list[Provider]:
    """Return what to try for a request, best first: the one named, or all that this onnxruntime was built with."""
    if provider is not Provider.AUTO:
        return [provider]
    compiled_in = load_onnxruntime().get_available_providers()
    return [one for one, name in _ONNXRUNTIME_NAMES.items() if name in compiled_in]


def missing(provider: Provider) -> str | None:
    """Return why onnxruntime cannot even try a provider, or None if it can."""
    if provider.onnxruntime_name in load_onnxruntime().get_available_providers():
        return None
    return "the installed onnxruntime was built without it"


@functools.cache
def load_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry off (unless the user set its switch) and its log at errors only.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # has to be there before the import
    onnxruntime = import_from_extra("onnxruntime", extra="cpu", purpose="running a model")
    onnxruntime.set_default_logger_severity(4)  # fatal only: every failure reaches the user as our own error
    return onnxruntime


@functools.cache
def preload_gpu_libraries() -> tuple[str, ...]:
    """Load CUDA and cuDNN from their pip packages or the system, and return the names of those that are missing."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        load_onnxruntime().preload_dlls()
    return tuple(dict.fromkeys(re.findall(r"Failed to load (\S+):", printed.getvalue())))
