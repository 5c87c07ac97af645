"""What is installed: versions of packages, and the image formats that OpenCV really reads."""

import importlib.metadata
import importlib.util
import platform

from edgecls import __version__

__all__ = ["installed_versions", "readable_formats"]

_PACKAGES = (
    "numpy",
    "click",
    "bottle",
    "httptools",
    "multipart",
    "prometheus-client",
    "openvino",
    "pi-heif",
    "onnx",
    "keras",
    "tensorflow",
    "tf2onnx",
)

_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tiff",
    "AVIF": ".avif",
    "PPM": ".ppm",
}


def installed_versions() -> dict[str, str | None]:
    """Return the versions of Python, edgecls and the packages it may use; None for what is not installed.

    The wheels of onnxruntime and OpenCV, of which there are several, are found by `edgecls.runtime.machine.wheels`.
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "edgecls": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def readable_formats() -> dict[str, bool]:
    """Write a small image in each format that edgecls reads, read it again, and return which formats passed.

    A format that the installed OpenCV can read but not write counts as not readable. HEIC counts as readable where
    its package is installed.

    Raises:
        ImportError: OpenCV or numpy is not installed, or cannot be loaded.
    """
    readable = {name: _passes(suffix) for name, suffix in _SUFFIXES.items()}
    return readable | {"HEIC": importlib.util.find_spec("pi_heif") is not None}


def _passes(suffix: str) -> bool:
    import cv2
    import numpy as np

    from edgecls import image
    from edgecls.errors import ImageError

    gray = np.full((16, 16, 3), 128, np.uint8)
    try:
        written, encoded = cv2.imencode(suffix, gray)
        pixels = image.decode(encoded.tobytes(), name=f"a {suffix} image") if written else None
    except (cv2.error, ImageError):
        return False
    return pixels is not None and pixels.shape == gray.shape and abs(float(pixels.mean()) - 128) < 4
