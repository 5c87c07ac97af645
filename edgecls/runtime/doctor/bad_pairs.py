"""Versions of packages that are known not to work together, and what to install instead."""

import importlib.metadata
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edgecls.runtime.execution.plugins import PLUGINS, as_numbers
from edgecls.runtime.machine.wheels import commands_for

__all__ = ["BAD_PAIRS", "BadPair", "FoundPair", "Versions", "find_bad_pairs", "installed_packages"]

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")


@dataclass(frozen=True)
class Versions:
    """Some versions of a package.

    Attributes:
        names: Of the wheels that bring it.
        from_version: The oldest that is meant; empty for all.
        below: The oldest that is not meant any more; empty for none.
    """

    names: tuple[str, ...]
    from_version: str = ""
    below: str = ""

    def among(self, installed: Mapping[str, str]) -> str | None:
        """Return the name of the first wheel that is installed in one of these versions, or None."""
        for name in self.names:
            version = as_numbers(installed.get(name, ""))
            is_old = self.below and version >= as_numbers(self.below)
            if name in installed and version >= as_numbers(self.from_version) and not is_old:
                return name
        return None


@dataclass(frozen=True)
class BadPair:
    """Packages that do not work together, or one that should be replaced.

    Attributes:
        packages: All of them.
        reason: What goes wrong.
        remedy: Commands or other steps, in their order.
        is_for_gpus: It matters only where there is an NVIDIA GPU.
        first_is_newer: It matters only if the first is newer than the second.
    """

    packages: tuple[Versions, ...]
    reason: str
    remedy: tuple[str, ...]
    is_for_gpus: bool = False
    first_is_newer: bool = False


@dataclass(frozen=True)
class FoundPair:
    """A bad pair that is installed.

    Attributes:
        pair: Which one.
        wheels: What is installed of it, with versions.
    """

    pair: BadPair
    wheels: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.wheels)}: {self.pair.reason}"


BAD_PAIRS = (
    BadPair(  # reported by users of onnxruntime 1.31
        (
            Versions(("onnxruntime-gpu",)),
            Versions(("nvidia-cudnn-cu13",), "9.26", "9.27"),
            Versions(("nvidia-cublas",), "13.8", "13.9"),
        ),
        "each can be loaded alone, but onnxruntime cannot load cuDNN with this cuBLAS, so CUDA does not work",
        ('pip install "nvidia-cudnn-cu13==9.24.0.43" "nvidia-cublas==13.1.1.3"',),
        is_for_gpus=True,
    ),
    *(
        BadPair(
            (Versions(("onnxruntime-gpu",)), Versions((tensorrt,), "11")),
            "this onnxruntime links libnvinfer.so.10, which TensorRT 11 does not bring any more",
            (f'pip install "{tensorrt}>=10,<11"',),
            is_for_gpus=True,
        )
        for tensorrt in ("tensorrt-cu13", "tensorrt-cu12", "tensorrt")
    ),
    BadPair(
        (Versions(("onnxruntime",)), Versions(("onnxruntime-gpu",))),
        "the newer one has written over the older one's files, and it has no CUDA",
        ("pip uninstall -y onnxruntime onnxruntime-gpu", *commands_for("onnxruntime-gpu")),
        first_is_newer=True,
    ),
    BadPair(
        (Versions(("onnxruntime-directml",)),),
        "DirectML is deprecated for Windows ML and gets no new features",
        (
            "pip uninstall -y onnxruntime-directml",
            'pip install "edgecls[cpu]" onnxruntime-ep-webgpu    # or onnxruntime-ep-nv-tensorrt-rtx for NVIDIA RTX',
        ),
    ),
    *(
        BadPair(
            (Versions(plugin.wheels), Versions(_RUNTIMES, below=plugin.onnxruntime)),
            f"{plugin.provider} needs onnxruntime {plugin.onnxruntime} or newer",
            (f'pip install --upgrade "onnxruntime>={plugin.onnxruntime}"',),
        )
        for plugin in PLUGINS.values()
    ),
)
"""All that are known."""


def installed_packages() -> dict[str, str]:
    """Return the versions of all packages that Python finds; of several copies, of the one that is imported."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():  # in the order of the path
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        found.setdefault(name, distribution.version or "")
    return found


def find_bad_pairs(installed: Mapping[str, str]) -> tuple[FoundPair, ...]:
    """Return the pairs among installed packages that are known to be bad.

    Args:
        installed: Versions by names of wheels.
    """
    found = []
    for pair in BAD_PAIRS:
        names = [part.among(installed) for part in pair.packages]
        if None in names:
            continue
        versions = [as_numbers(installed[name]) for name in names if name]
        if not pair.first_is_newer or versions[0] > versions[1]:
            found.append(FoundPair(pair, tuple(f"{name} {installed[name]}" for name in names if name)))
    return tuple(found)
