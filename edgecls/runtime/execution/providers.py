"""Execution providers: what a network can run on, in the order in which they are tried.

Nothing is taken on trust: `edgecls.runtime.execution.probe` looks for what a provider needs, `onnxruntime_network` asks
onnxruntime what it really uses, and `edgecls.runtime.session` checks the answers.
"""

from dataclasses import dataclass
from enum import StrEnum

from edgecls.errors import ProviderError
from edgecls.runtime.execution.ort import load_onnxruntime

__all__ = ["Provider", "SkippedProvider", "installed_providers", "openvino_version", "providers_to_try"]


class Provider(StrEnum):
    """What runs the network. AUTO takes the first of the others, in this order, that works here, except OPENVINO.

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

    @classmethod
    def named(cls, name: str) -> "Provider":
        """Return the provider of a name.

        Raises:
            ProviderError: There is none.
        """
        try:
            return cls(name)
        except ValueError as error:
            raise ProviderError(f"unknown provider {name!r}; choose one of {', '.join(cls)}") from error

    @property
    def onnxruntime_name(self) -> str:
        """The name onnxruntime knows it by; OPENVINO has none, as it is no provider of onnxruntime."""
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


def providers_to_try(provider: Provider) -> list[Provider]:
    """Return what to try for a request, best first: the one named, or all that this onnxruntime was built with."""
    return _built_in() if provider is Provider.AUTO else [provider]


def installed_providers() -> list[Provider]:
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
