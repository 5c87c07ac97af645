"""Versions of what is installed, told without importing it."""

import importlib.metadata
import platform

from edgecls import __version__

__all__ = ["installed_versions"]

_PACKAGES = (
    "numpy",
    "click",
    "bottle",
    "httptools",
    "multipart",
    "prometheus-client",
    "openvino",
    "onnx",
    "keras",
    "tensorflow",
    "tf2onnx",
)


def installed_versions() -> dict[str, str | None]:
    """Return the versions of Python, edgecls and the packages it may use; None for what is not installed.

    The wheels of onnxruntime and OpenCV, of which there are several, are told by `edgecls.runtime.execution.wheels`.
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "edgecls": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions
