"""Installed wheels that bring the same package, and so overwrite each other's files."""

import importlib.metadata
import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Conflict", "Wheel", "commands_for", "find_conflicts", "wheels_of"]

_BRINGERS = {
    "onnxruntime": {
        "onnxruntime",
        "onnxruntime-directml",
        "onnxruntime-gpu",
        "onnxruntime-migraphx",
        "onnxruntime-openvino",
        "onnxruntime-qnn",
        "onnxruntime-rocm",
        "onnxruntime-silicon",
        "onnxruntime-training",
        "onnxruntime-webgpu",
        "ort-nightly",
        "ort-nightly-gpu",
    },
    "cv2": {
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
        "opencv-python",
        "opencv-python-headless",
    },
    "onnxruntime_ep_nv_tensorrt_rtx": {
        "onnxruntime-ep-nv-tensorrt-rtx-cu12",
        "onnxruntime-ep-nv-tensorrt-rtx-cu13",
    },
}
"""Wheels by the package they bring."""

_EXTRAS = {"onnxruntime": "edgecls[cpu]", "onnxruntime-gpu": "edgecls[gpu]"}


@dataclass(frozen=True)
class Wheel:
    """An installed wheel."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Conflict:
    """Wheels that overwrote each other's files; which files are there now depends on the order of installing.

    Attributes:
        package: What all of them bring, by the name it is imported by.
        wheels: At least two, sorted by name.
    """

    package: str
    wheels: tuple[Wheel, ...]

    def __str__(self) -> str:
        return f"{' and '.join(map(str, self.wheels))} overwrote each other's files, as each brings {self.package!r}"


def commands_for(kept: str, *, installed: tuple[Wheel, ...] = ()) -> tuple[str, ...]:
    """Return the commands that replace the installed wheels by one intact wheel.

    Args:
        kept: Name of the wheel to have afterwards, installed now or not.
        installed: Wheels that bring the same package; all of them have to go first, as removing one removes
            files of the others.
    """
    install = f'pip install "{_EXTRAS[kept]}"' if kept in _EXTRAS else f"pip install {kept}"
    if not installed:
        return (install,)
    return f"pip uninstall -y {' '.join(wheel.name for wheel in installed)}", install


def wheels_of(package: str) -> tuple[Wheel, ...]:
    """Return the installed wheels that bring the package that is imported, sorted by name.

    They lie in the first folder on Python's path that has any. Those in later folders (of the system, below a virtual
    environment or what `pip install --target` wrote) have files of their own, and are not imported.

    Args:
        package: "onnxruntime", "cv2" or "onnxruntime_ep_nv_tensorrt_rtx".
    """
    found: dict[str, Wheel] = {}
    imported_from: Path | None = None
    for distribution in importlib.metadata.distributions():  # in the order of the path
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if name not in _BRINGERS[package]:
            continue
        folder = Path(str(distribution.locate_file(""))).resolve()
        imported_from = imported_from or folder
        if folder == imported_from:
            found.setdefault(name, Wheel(name, distribution.version or "of unknown version"))
    return tuple(found[name] for name in sorted(found))


def find_conflicts() -> tuple[Conflict, ...]:
    """Return the packages that more than one installed wheel brings."""
    every = ((package, wheels_of(package)) for package in _BRINGERS)
    return tuple(Conflict(package, wheels) for package, wheels in every if len(wheels) > 1)
