"""Execution providers as plugins: wheels ``onnxruntime-ep-*`` beside the plain wheel of onnxruntime.

edgecls does not run networks on them yet; the doctor tells which there are, and whether they find a device here.
"""

import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from types import ModuleType

from edgecls.frozen import can_start_children, is_frozen
from edgecls.runtime.execution.ort import load_onnxruntime, one_line, onnxruntime_errors, stdout_to_stderr

__all__ = ["PluginCheck", "check_plugins", "write_plugin_check"]

PREFIX = "onnxruntime-ep-"
_PROGRAM = "import sys; from edgecls.runtime.doctor.plugins import write_plugin_check; write_plugin_check(sys.argv[1])"


@dataclass(frozen=True)
class PluginCheck:
    """A plugin, and what came of registering it.

    Attributes:
        name: Of its wheel.
        version: Of its wheel.
        providers: What it brings, by onnxruntime's names; empty if it cannot be registered.
        devices: How many devices these find here.
        reason: Why it cannot be registered; None if it can.
    """

    name: str
    version: str
    providers: tuple[str, ...]
    devices: int
    reason: str | None

    def __str__(self) -> str:
        found = self.reason or (f"{self.devices} devices" if self.devices else "finds no device here")
        return f"{self.name} {self.version} ({found})"


def check_plugins(*, timeout_s: float) -> tuple[PluginCheck, ...]:
    """Register each installed plugin, in a process of its own: libraries that do not fit may end the process.

    Args:
        timeout_s: Seconds after which one counts as not working.
    """
    return tuple(_check(name, version, timeout_s) for name, version in sorted(_installed().items()))


def _installed() -> dict[str, str]:
    """Return the versions of the installed plugins by the names of their wheels."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if name.startswith(PREFIX):
            found.setdefault(name, distribution.version or "of unknown version")
    return found


def _check(name: str, version: str, timeout_s: float) -> PluginCheck:
    if is_frozen() or not can_start_children():
        return PluginCheck(name, version, (), 0, "not tried in a frozen program")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603  this interpreter with a program of our own
            [sys.executable, "-P", "-c", _PROGRAM, name],
            env=environment,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return PluginCheck(name, version, (), 0, f"it was not registered after {timeout_s:.0f} s")
    lines = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not lines:
        return PluginCheck(name, version, (), 0, f"registering it ended the process with exit code {done.returncode}")
    facts = json.loads(lines[-1])
    return PluginCheck(name, version, tuple(facts["providers"]), facts["devices"], facts["reason"])


def write_plugin_check(name: str) -> None:
    """Register a plugin in this process and write the outcome to standard output, as one line of JSON."""
    with stdout_to_stderr():
        facts = _register(name)
    sys.stdout.write(json.dumps(facts) + "\n")


def _register(name: str) -> dict[str, object]:
    onnxruntime = load_onnxruntime()
    failures: tuple[type[BaseException], ...] = (ImportError, AttributeError, OSError, *onnxruntime_errors())
    try:
        plugin: ModuleType = importlib.import_module(name.replace("-", "_"))
        onnxruntime.register_execution_provider_library(name, plugin.get_library_path())
        providers = tuple(plugin.get_ep_names())
    except failures as error:
        return {"providers": (), "devices": 0, "reason": one_line(error)}
    devices = sum(device.ep_name in providers for device in onnxruntime.get_ep_devices())
    return {"providers": providers, "devices": devices, "reason": None}
