"""Execution providers: what a network can run on, in the order in which they are tried.

onnxruntime falls back to the CPU without an exception in several ways. So nothing is taken on
trust here: `edgecls.runtime.execution.probe` looks for what a provider needs, `edgecls.runtime.session` opens
it with fallback switched off, asks the session what it really uses, and checks its answers.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

from edgecls.errors import ProviderError
from edgecls.extras import import_from_extra

__all__ = [
    "Provider",
    "SkippedProvider",
    "candidates",
    "load_onnxruntime",
    "openvino_version",
    "ready_made_providers",
    "stdout_to_stderr",
]


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send what is written to standard output in the block, by Python or past it, to standard error instead.

    The whole process is affected, its other threads too.
    """
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        original = os.dup(1)
    except OSError:  # there is no standard output
        yield
        return
    try:
        with contextlib.suppress(OSError):  # there is no standard error
            os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(original, 1)
        os.close(original)


class Provider(StrEnum):
    """What runs the network. AUTO takes the first of the others, in this order, that works here, but for OPENVINO.

    Whether OpenVINO is faster than the CPU provider depends on network and processor, so only a measurement
    (`edgecls.runtime.tuning`) or its name takes it.
    """

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    OPENVINO = "openvino"
    DIRECTML = "directml"
    COREML = "coreml"
    CPU = "cpu"

    @property
    def onnxruntime_name(self) -> str:
        """The name onnxruntime knows it by; OPENVINO has none, as it runs beside onnxruntime."""
        return _ONNXRUNTIME_NAMES[self]

    @property
    def with_helpers(self) -> "tuple[Provider, ...]":
        """The provider and those that take the nodes it cannot run, in that order."""
        if self is Provider.TENSORRT:
            return self, Provider.CUDA, Provider.CPU
        return (self,) if self in (Provider.CPU, Provider.OPENVINO) else (self, Provider.CPU)

    @property
    def runs_on_nvidia(self) -> bool:
        """True if it needs an NVIDIA GPU."""
        return self in (Provider.TENSORRT, Provider.CUDA)


_ONNXRUNTIME_NAMES = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.DIRECTML: "DmlExecutionProvider",
    Provider.COREML: "CoreMLExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}


@dataclass(frozen=True)
class SkippedProvider:
    """A provider that was tried and cannot be used.

    Attributes:
        provider: Which one.
        reason: What stands in the way, in onnxruntime's words where it has some.
        remedy: What would make it work.
    """

    provider: Provider
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.provider}: {self.reason}; {self.remedy}"


def candidates(provider: Provider) -> list[Provider]:
    """Return what to try for a request, best first: the one named, or all that this onnxruntime was built with."""
    return _built_in() if provider is Provider.AUTO else [provider]


def ready_made_providers() -> list[Provider]:
    """Return all providers that are installed, best first; they need not work here."""
    installed = _built_in() + ([Provider.OPENVINO] if openvino_version() else [])
    return [provider for provider in Provider if provider in installed]


def openvino_version() -> str | None:
    """Return the version of the package openvino, found without importing it, or None where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # takes a hundredth of a second

    try:
        return version("openvino")
    except PackageNotFoundError:
        return None


def _built_in() -> list[Provider]:
    built_in = load_onnxruntime().get_available_providers()
    return [provider for provider, name in _ONNXRUNTIME_NAMES.items() if name in built_in]


@functools.cache
def load_onnxruntime() -> ModuleType:
    """Import onnxruntime with its telemetry off (unless the user set its switch) and its log at fatal errors only.

    Raises:
        MissingExtraError: It is not installed.
        ProviderError: It is installed, but cannot be loaded.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # has to be there before the import
    try:
        with stdout_to_stderr():  # standard output is for results
            onnxruntime = import_from_extra("onnxruntime", extra="cpu", purpose="running a model")
        onnxruntime.set_default_logger_severity(4)  # fatal only: every failure reaches the user as our own error
    except (ImportError, AttributeError, OSError) as error:  # as two wheels leave it that overwrote each other
        raise ProviderError(
            f"cannot load onnxruntime: it is damaged or incomplete ({error}); 'edgecls doctor' says how to mend it"
        ) from error
    return onnxruntime
