"""What stands in the way of a provider, found without opening a network on it."""

import sys

from edgecls.runtime.execution.gpu import this_machine
from edgecls.runtime.execution.ort import load_onnxruntime
from edgecls.runtime.execution.providers import Provider, SkippedProvider, openvino_version
from edgecls.runtime.execution.shared_libraries import built_for_cuda, lazily_loaded, missing_libraries, what_brings
from edgecls.runtime.machine.wheels import Conflict, commands_for, wheels_of

__all__ = ["explained", "probe"]

_WHEELS = {
    Provider.TENSORRT: "onnxruntime-gpu",
    Provider.CUDA: "onnxruntime-gpu",
    Provider.DIRECTML: "onnxruntime-directml",
}
"""The wheels that have a provider built in which the plain one has not."""

_SYSTEMS = {Provider.DIRECTML: ("win32", "Windows"), Provider.COREML: ("darwin", "macOS")}
"""The only system that has a provider, as `sys.platform` and people call it."""

_PLACES = {
    Provider.TENSORRT: "needs an NVIDIA GPU with its driver, and TensorRT 10",
    Provider.CUDA: "needs an NVIDIA GPU with its driver",
    Provider.OPENVINO: "needs an intact copy of OpenVINO and a processor that it supports",
    Provider.DIRECTML: "needs Windows",
    Provider.COREML: "needs macOS",
}

_OPENVINO_COMMAND = 'pip install "edgecls[openvino]"'


def probe(provider: Provider) -> SkippedProvider | None:
    """Return why a provider cannot run anything here, or None where nothing is known to stand in its way.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: onnxruntime cannot be loaded.
    """
    if provider is Provider.OPENVINO:
        return None if openvino_version() else SkippedProvider(provider, "OpenVINO is not installed", _OPENVINO_COMMAND)
    if provider.plugin_module:
        from edgecls.runtime.execution.plugins import hindrance_of_plugin  # few installations have any

        return hindrance_of_plugin(provider)
    if provider.onnxruntime_name not in load_onnxruntime().get_available_providers():
        return _not_built_in(provider)
    if not provider.runs_on_nvidia:
        return None
    missing = missing_libraries(provider)
    if missing:
        return SkippedProvider(provider, f"cannot load {', '.join(missing)}", what_brings(missing))
    gpus = this_machine()
    if gpus.problem:
        return SkippedProvider(provider, gpus.problem, "check the driver with nvidia-smi, and CUDA_VISIBLE_DEVICES")
    needed = built_for_cuda()
    if gpus.cuda and needed and _major(gpus.cuda) < _major(needed):
        return SkippedProvider(
            provider,
            f"the NVIDIA driver runs CUDA {gpus.cuda} at most, the installed onnxruntime is built for CUDA {needed}",
            "update the NVIDIA driver",
        )
    return None


def explained(provider: Provider, reason: str) -> SkippedProvider:
    """Return the record of a provider that failed although nothing was known to stand in its way.

    Args:
        provider: Which one.
        reason: What went wrong.
    """
    lacking = lazily_loaded() if provider.runs_on_nvidia else ()
    if lacking:
        return SkippedProvider(provider, f"{reason} (cannot load {', '.join(lacking)})", what_brings(lacking))
    return SkippedProvider(provider, reason, _general_remedy(provider))


def _general_remedy(provider: Provider) -> str:
    if provider is Provider.CPU:
        return 'get a fresh copy of the model, or reinstall onnxruntime: pip install --force-reinstall "edgecls[cpu]"'
    if provider.plugin_module:
        from edgecls.runtime.execution.plugins import PLUGINS

        return f"it {PLUGINS[provider].needs}; 'edgecls doctor' shows what this machine has"
    return f"it {_PLACES[provider]}; 'edgecls doctor' shows what this machine has"


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _not_built_in(provider: Provider) -> SkippedProvider:
    installed = wheels_of("onnxruntime")
    reason = "the installed onnxruntime was built without it"
    if len(installed) > 1:
        reason += f" ({Conflict('onnxruntime', installed)})"
    platform, system = _SYSTEMS.get(provider, (sys.platform, ""))
    if platform != sys.platform:
        return SkippedProvider(provider, f"only {system} has it", "take another provider")
    if provider is Provider.CPU:
        return SkippedProvider(provider, reason, _general_remedy(provider))
    steps = [f"it {_PLACES[provider]}"]
    if provider is not Provider.COREML:  # which the plain wheel has, on macOS
        steps += commands_for(_WHEELS[provider], installed=installed)
    if provider is Provider.TENSORRT:
        steps.append('pip install "tensorrt-cu13>=10,<11"')
    return SkippedProvider(provider, reason, ", then ".join(steps))
