"""The plugins of onnxruntime that are installed here, and what came of trying each."""

import importlib.metadata
import re
from dataclasses import dataclass

from edgecls.errors import ProviderError
from edgecls.runtime.execution.plugins import PLUGINS, Trial, installed_version, try_in_child

__all__ = ["PluginCheck", "check_plugins"]

PREFIX = "onnxruntime-ep-"
_WITHOUT_FILES = ("onnxruntime-ep-nv-tensorrt-rtx",)
"""Wheels that only have others installed."""


@dataclass(frozen=True)
class PluginCheck:
    """A plugin, and what came of trying it.

    Attributes:
        name: Of its wheel.
        version: Of its wheel.
        provider: What `--provider` calls it; None if edgecls does not know it.
        onnxruntime: The oldest version of onnxruntime that it works with; None if unknown.
        providers: What it brings, by onnxruntime's names; empty if it cannot be registered.
        devices: What these find here, as "NVIDIA GPU".
        reason: Why it does not work; None if it does, or has no device to work on.
    """

    name: str
    version: str
    provider: str | None
    onnxruntime: str | None
    providers: tuple[str, ...]
    devices: tuple[str, ...]
    reason: str | None

    def __str__(self) -> str:
        found = self.reason or ", ".join(self.devices) or "finds no device here"
        needs = f"needs onnxruntime {self.onnxruntime} or newer; " if self.onnxruntime else "not known to edgecls; "
        return f"{self.name} {self.version} ({needs}{found})"


def check_plugins(*, timeout_s: float) -> tuple[PluginCheck, ...]:
    """Try each installed plugin in a process of its own: libraries that do not fit may end the process.

    Args:
        timeout_s: Seconds after which one counts as not working.
    """
    checks = []
    for name, version in sorted(_installed().items()):
        plugin = next((one for one in PLUGINS.values() if name in one.wheels), None)
        try:
            trial = try_in_child(name, timeout_s=timeout_s)
        except ProviderError as error:
            trial = Trial((), (), str(error))
        provider, oldest = (plugin.provider.value, plugin.onnxruntime) if plugin else (None, None)
        devices = tuple(map(str, trial.devices))
        checks.append(PluginCheck(name, version, provider, oldest, trial.providers, devices, trial.reason))
    return tuple(checks)


def _installed() -> dict[str, str]:
    """Return the versions of the installed plugins by the names of their wheels."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if name.startswith(PREFIX) and name not in _WITHOUT_FILES:
            found.setdefault(name, distribution.version or "of unknown version")
    for plugin in PLUGINS.values():
        installed = installed_version(plugin)
        if installed:  # it may lie in a folder without pip's records
            found.setdefault(*installed)
    return found
