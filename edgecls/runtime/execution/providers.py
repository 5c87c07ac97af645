"""Execution providers: what a network can run on, in the order in which they are tried.

Nothing is taken on trust: `edgecls.runtime.execution.probe` looks for what a provider needs, `onnxruntime_network` asks
onnxruntime what it really uses, and `edgecls.runtime.session` checks the answers.
"""

import importlib.util
import os
import sys
from dataclasses import dataclass
from enum import StrEnum

from edgecls.errors import ProviderError
from edgecls.runtime.execution.ort import load_onnxruntime

__all__ = [
    "BY_NAME_OR_MEASURED",
    "Provider",
    "SkippedProvider",
    "installed_providers",
    "is_plugin_installed",
    "openvino_version",
    "providers_to_try",
]


class Provider(StrEnum):
    """What runs the network. AUTO takes the first of the others, in this order, that works here, except OpenVINO's.

    Whether OpenVINO is faster than the CPU provider depends on network and processor, so only a measurement
    (`edgecls.runtime.tuning`) or its name takes it. Of the plugins, AUTO takes those whose device is no processor and
    that run the whole network (`edgecls.runtime.execution.plugins.not_for_auto`).
    """

    AUTO = "auto"
    TENSORRT = "tensorrt"
    CUDA = "cuda"
    NV_TENSORRT_RTX = "nv_tensorrt_rtx"
    OPENVINO = "openvino"
    OPENVINO_PLUGIN = "openvino_plugin"
    DIRECTML = "directml"
    COREML = "coreml"
    MLX = "mlx"
    WEBGPU = "webgpu"
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

    @property
    def plugin_module(self) -> str | None:
        """The module of the wheel that brings it as a plugin of onnxruntime; None if it is no plugin."""
        return _PLUGIN_MODULES.get(self)


_ONNXRUNTIME_NAMES = {
    Provider.TENSORRT: "TensorrtExecutionProvider",
    Provider.CUDA: "CUDAExecutionProvider",
    Provider.NV_TENSORRT_RTX: "NvTensorRTRTXExecutionProvider",
    Provider.OPENVINO_PLUGIN: "OpenVINOExecutionProvider",
    Provider.DIRECTML: "DmlExecutionProvider",
    Provider.COREML: "CoreMLExecutionProvider",
    Provider.MLX: "MLXExecutionProvider",
    Provider.WEBGPU: "WebGpuExecutionProvider",
    Provider.CPU: "CPUExecutionProvider",
}

_PLUGIN_MODULES = {
    Provider.NV_TENSORRT_RTX: "onnxruntime_ep_nv_tensorrt_rtx",
    Provider.OPENVINO_PLUGIN: "onnxruntime_ep_openvino",
    Provider.MLX: "onnxruntime_ep_mlx",
    Provider.WEBGPU: "onnxruntime_ep_webgpu",
}

BY_NAME_OR_MEASURED = (Provider.OPENVINO, Provider.OPENVINO_PLUGIN)
"""What AUTO leaves out."""

_DEVICES = (("/sys/class/drm", "card"), ("/sys/class/accel", "accel"))
_BRIDGE_OF_WSL = "/dev/dxg"
_PCI_DEVICES = "/sys/bus/pci/devices"
_PCI_CLASSES = ("0x03", "0x12")  # display controllers and processing accelerators


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
    """Return what to try for a request, best first: the one named, or all that are installed, except OpenVINO's."""
    if provider is not Provider.AUTO:
        return [provider]
    return [installed for installed in _of_onnxruntime() if installed not in BY_NAME_OR_MEASURED]


def installed_providers() -> list[Provider]:
    """Return all providers that are installed, best first; they need not work here.

    Plugins count where the machine has a graphics card or the like, without which they are of no use.
    """
    installed = _of_onnxruntime() + ([Provider.OPENVINO] if openvino_version() else [])
    return [provider for provider in Provider if provider in installed]


def _of_onnxruntime() -> list[Provider]:
    """Return what is built into onnxruntime or installed as a plugin of it, best first."""
    built_in = load_onnxruntime().get_available_providers()
    plugins = [one for one in _PLUGIN_MODULES if is_plugin_installed(one)]
    if not (plugins and _may_have_devices()):
        plugins = []
    return [
        provider
        for provider, name in _ONNXRUNTIME_NAMES.items()
        if (provider in plugins if provider.plugin_module else name in built_in)
    ]


def is_plugin_installed(provider: Provider) -> bool:
    """Return whether the module of a plugin can be found; it is not imported."""
    try:
        return importlib.util.find_spec(_PLUGIN_MODULES[provider]) is not None
    except (ImportError, ValueError):  # it is being kept out
        return False


def _may_have_devices() -> bool:
    """Return whether this machine may have a device for a plugin, looking where onnxruntime looks for them."""
    if sys.platform != "linux" or os.path.exists(_BRIDGE_OF_WSL):
        return True
    if any(name.startswith(prefix) for folder, prefix in _DEVICES for name in _names_in(folder)):
        return True
    return any(_pci_class(device).startswith(_PCI_CLASSES) for device in _names_in(_PCI_DEVICES))


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _pci_class(device: str) -> str:
    try:
        with open(os.path.join(_PCI_DEVICES, device, "class"), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def openvino_version() -> str | None:
    """Return the version of the package openvino, found without importing it, or None where it is not installed."""
    # As importlib.metadata finds it, whose import takes a hundredth of a second.
    for folder in sys.path:
        for name in _names_in(folder or os.curdir):
            if name.startswith("openvino-") and name.endswith(".dist-info"):
                return name.removeprefix("openvino-").removesuffix(".dist-info")
    return None
