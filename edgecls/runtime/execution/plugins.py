"""Plugins of onnxruntime: execution providers from wheels of their own, ``onnxruntime-ep-*``, beside the plain wheel.

A plugin is a library that is loaded into the process, so it is tried in another one first: it is registered there, and
a network of one node runs on its device. What came of that is kept until the machine starts again or a version changes.
"""

import functools
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError, ProviderError
from edgecls.json_text import parse_json
from edgecls.runtime.execution.child import facts_from_child
from edgecls.runtime.execution.ort import load_onnxruntime, one_line, onnxruntime_errors, stdout_to_stderr
from edgecls.runtime.execution.providers import Provider, SkippedProvider, is_plugin_installed
from edgecls.runtime.machine.cache_folder import cache_folder

__all__ = [
    "PLUGINS",
    "Device",
    "Plugin",
    "Trial",
    "as_numbers",
    "best_device",
    "hindrance_of_plugin",
    "installed_version",
    "not_for_auto",
    "register",
    "try_in_child",
    "write_trial",
]

PATIENCE_S = 300.0
"""TensorRT for RTX compiles even a network of one node for some seconds when it first runs."""

_ONE_NODE = (  # y = Relu(x), x float32 of shape [2], opset 13
    b'\x08\x08\x12\x00:3\n\x0c\n\x01x\x12\x01y"\x04Relu\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x02'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x02B\x04\n\x00\x10\r"
)
_FORMAT = 1
_SETTINGS = re.compile(r"(CUDA|VK|ORT|DRI|MESA|OV|OPENVINO)_\w+")
"""Environment variables on which it may depend whether a plugin works."""


@dataclass(frozen=True)
class Plugin:
    """A plugin that edgecls knows.

    Attributes:
        provider: What it is called here.
        wheels: Those that bring its module, the usual one first; they overwrite each other's files.
        command: What installs it.
        onnxruntime: The oldest version of onnxruntime that it works with, as its makers say.
        path_function: The function of its module that returns the path of its library.
        needs: What it needs, as the rest of a sentence.
        system: The only system that it exists for, as `sys.platform` has it; None for several.
    """

    provider: Provider
    wheels: tuple[str, ...]
    command: str
    onnxruntime: str
    path_function: str
    needs: str
    system: str | None = None


PLUGINS = {
    plugin.provider: plugin
    for plugin in (
        Plugin(
            Provider.NV_TENSORRT_RTX,
            ("onnxruntime-ep-nv-tensorrt-rtx-cu13", "onnxruntime-ep-nv-tensorrt-rtx-cu12"),
            "pip install onnxruntime-ep-nv-tensorrt-rtx",
            "1.24",
            "get_library_path",
            "needs an NVIDIA RTX GPU (30 series or newer) and its driver for CUDA 13",
        ),
        Plugin(
            Provider.OPENVINO_PLUGIN,
            ("onnxruntime-ep-openvino",),
            "pip install onnxruntime-ep-openvino",
            "1.23",
            "get_library_path",
            "needs a processor, GPU or NPU of Intel's; --provider openvino runs on other processors too",
        ),
        Plugin(
            Provider.MLX,
            ("onnxruntime-ep-mlx",),
            "pip install onnxruntime-ep-mlx",
            "1.31",
            "library_path",
            "needs macOS 14 or newer on Apple's processors",
            "darwin",
        ),
        Plugin(
            Provider.WEBGPU,
            ("onnxruntime-ep-webgpu",),
            'pip install "edgecls[webgpu]"',
            "1.24.4",
            "get_library_path",
            "needs a GPU and its driver for Vulkan (with libvulkan.so.1), Direct3D 12 or Metal",
        ),
    )
}


@dataclass(frozen=True)
class Device:
    """A device that a plugin offers.

    Attributes:
        kind: "GPU", "NPU" or "CPU".
        vendor: Who made it, as far as onnxruntime knows; may be empty.
        is_discrete: It is a card of its own, as far as onnxruntime knows.
    """

    kind: str
    vendor: str
    is_discrete: bool

    def __str__(self) -> str:
        return f"{self.vendor} {self.kind}".strip()


@dataclass(frozen=True)
class Trial:
    """What came of trying a plugin in a process of its own.

    Attributes:
        providers: What it brings, by onnxruntime's names; empty if it cannot be registered.
        devices: What these offer here, the one that is used first.
        reason: What went wrong; None if a network ran, or there was no device to run it on.
    """

    providers: tuple[str, ...]
    devices: tuple[Device, ...]
    reason: str | None


def as_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a version, such as (1, 24, 4), for comparing."""
    return tuple(int(number) for number in re.match(r"(?:\d+\.)*\d*", version)[0].split(".") if number)  # type: ignore[index]


def installed_version(plugin: Plugin) -> tuple[str, str] | None:
    """Return name and version of the wheel that brought a plugin, or None if it is not installed."""
    if not is_plugin_installed(plugin.provider):
        return None
    for wheel in plugin.wheels:
        try:
            return wheel, importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            continue
    return plugin.wheels[0], "of unknown version"


def hindrance_of_plugin(provider: Provider) -> SkippedProvider | None:
    """Return why a plugin cannot run anything here, or None after registering it in this process.

    Args:
        provider: One that is a plugin.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ProviderError: onnxruntime cannot be loaded.
    """
    plugin = PLUGINS[provider]
    if plugin.system not in (None, sys.platform):
        return SkippedProvider(provider, f"it {plugin.needs}", "take another provider")
    installed = installed_version(plugin)
    if installed is None:
        return SkippedProvider(provider, "its plugin is not installed", f"it {plugin.needs}, then {plugin.command}")
    runtime = load_onnxruntime().__version__
    wheel = " ".join(installed)
    if as_numbers(runtime) < as_numbers(plugin.onnxruntime):
        reason = f"{wheel} needs onnxruntime {plugin.onnxruntime} or newer, installed is {runtime}"
        return SkippedProvider(provider, reason, f'pip install --upgrade "onnxruntime>={plugin.onnxruntime}"')
    remedy = f"it {plugin.needs}; 'edgecls doctor' shows what this machine has"
    try:
        trial = _tried(installed)
        if trial.reason is None and trial.devices:
            register(provider)
            return None
    except ProviderError as error:
        return SkippedProvider(provider, f"{wheel}: {error}", remedy)
    return SkippedProvider(provider, f"{wheel}: {trial.reason or 'it finds no device on this machine'}", remedy)


def not_for_auto(provider: Provider, nodes: dict[str, int] | None = None) -> SkippedProvider | None:
    """Return why a plugin should run a network only where it is asked for by name, or None if it may do so anyway.

    Args:
        provider: One that is a plugin, and nothing stands in its way.
        nodes: Number of the network's nodes on each provider, by onnxruntime's names; None if it is not opened yet.
    """
    remedy = f"--provider {provider} takes it all the same, and 'edgecls tune' measures it"
    device = _describe(best_device(provider))
    if device.kind == "CPU":
        return SkippedProvider(
            provider, "its device here is the processor, which the CPU provider runs on faster", remedy
        )
    nodes = nodes or {}
    left = nodes.get(Provider.CPU.onnxruntime_name, 0)
    if left:
        reason = f"it leaves {left} of {sum(nodes.values())} nodes to the CPU, and data would go back and forth"
        return SkippedProvider(provider, reason, remedy)
    return None


_registering = threading.Lock()


def register(provider: Provider) -> None:
    """Load a plugin into this process; once, however often it is called.

    Raises:
        ProviderError: It cannot be loaded; the message is the reason and no more.
    """
    with _registering:
        _register_once(PLUGINS[provider].wheels[0])


@functools.cache
def _register_once(wheel: str) -> tuple[str, ...]:
    """Register a plugin by the name of its wheel, and return the names of its providers.

    Raises:
        ProviderError: It cannot be loaded; the message is the reason and no more.
    """
    known = next((plugin for plugin in PLUGINS.values() if wheel in plugin.wheels), None)
    onnxruntime = load_onnxruntime()
    failures: tuple[type[BaseException], ...] = (ImportError, AttributeError, OSError, *onnxruntime_errors())
    try:
        if known:
            names: tuple[str, ...] = (known.provider.onnxruntime_name,)
            module = importlib.import_module(known.provider.plugin_module or "")
        else:
            module = importlib.import_module(wheel.replace("-", "_"))
            names = tuple(module.get_ep_names())
        library = getattr(module, known.path_function if known else "get_library_path")()
        onnxruntime.register_execution_provider_library(wheel, library)
    except failures as error:
        raise ProviderError(one_line(error)) from error
    return names


def best_device(provider: Provider) -> Any:
    """Return onnxruntime's description of the device that a registered plugin runs on: a GPU rather than an NPU.

    Raises:
        ProviderError: There is none.
    """
    devices = _devices_of((provider.onnxruntime_name,))
    if not devices:
        raise ProviderError("it finds no device on this machine")
    return devices[0]


def _devices_of(providers: tuple[str, ...]) -> list[Any]:
    """Return onnxruntime's descriptions of devices, the best first."""
    devices = [device for device in load_onnxruntime().get_ep_devices() if device.ep_name in providers]

    def worth(device: Any) -> tuple[int, bool]:
        found = _describe(device)
        return ("GPU", "NPU", "CPU").index(found.kind), not found.is_discrete

    return sorted(devices, key=worth)


def _describe(device: Any) -> Device:
    hardware = device.device
    kind = hardware.type.name
    return Device(
        kind if kind in ("GPU", "NPU") else "CPU", hardware.vendor or "", hardware.metadata.get("Discrete") == "1"
    )


def try_in_child(wheel: str, *, timeout_s: float = PATIENCE_S) -> Trial:
    """Register a plugin in a process of its own and run a network of one node on its best device.

    Args:
        wheel: The name of the wheel that brings it.
        timeout_s: Seconds after which it counts as not working.

    Raises:
        ProviderError: The process ended or was not ready in time; the message is the reason and no more.
    """
    facts = facts_from_child("try-plugin", wheel, calling=(__name__, "write_trial"), timeout_s=timeout_s)
    return _as_trial(facts)


def write_trial(wheel: str) -> None:
    """Try a plugin in this process and write the outcome to standard output, as one line of JSON."""
    with stdout_to_stderr():
        trial = _try_here(wheel)
    sys.stdout.write(json.dumps(asdict(trial)) + "\n")


def _try_here(wheel: str) -> Trial:
    import numpy as np

    try:
        providers = _register_once(wheel)
    except ProviderError as error:
        return Trial((), (), str(error))
    onnxruntime = load_onnxruntime()
    found = _devices_of(providers)
    devices = tuple(_describe(device) for device in found)
    if not found:
        return Trial(providers, devices, None)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        options.add_provider_for_devices([found[0]], {})
        session = onnxruntime.InferenceSession(_ONE_NODE, options, enable_fallback=0)
        (answer,) = session.run(None, {"x": np.array([-1, 2], np.float32)})
    except onnxruntime_errors() as error:
        return Trial(providers, devices, one_line(error))
    wrong = None if answer.tolist() == [0, 2] else f"a network of one node gives {answer.tolist()} for max(0, [-1, 2])"
    return Trial(providers, devices, wrong)


def _as_trial(facts: dict[str, Any]) -> Trial:
    return Trial(tuple(facts["providers"]), tuple(Device(**device) for device in facts["devices"]), facts["reason"])


def _tried(installed: tuple[str, str]) -> Trial:
    """Return a trial that went well before, or try again.

    Raises:
        ProviderError: As `try_in_child`.
    """
    folder = cache_folder()
    record = None if folder is None else folder / "plugins" / f"{_key(*installed)}.json"
    if record is not None:
        try:
            return _as_trial(parse_json(record.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            pass  # it was not tried yet, or what is kept is damaged
    trial = try_in_child(installed[0])
    if record is not None and trial.reason is None and trial.devices:
        _keep(record, trial)
    return trial


def _keep(record: Path, trial: Trial) -> None:
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with whole_files(record) as (temporary,):
            temporary.write_text(json.dumps(asdict(trial)) + "\n", encoding="utf-8")
    except (OSError, OutputError):
        pass  # it is tried again next time


def _key(wheel: str, version: str) -> str:
    """Return a name for all that it may depend on whether a plugin works."""
    settings = sorted((name, value) for name, value in os.environ.items() if _SETTINGS.fullmatch(name))
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        start = platform.version()
    facts = (_FORMAT, wheel, version, load_onnxruntime().__version__, start, settings)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
