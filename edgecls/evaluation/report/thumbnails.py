"""Small pictures for the report, inside the page itself."""

import base64
from pathlib import Path

from edgecls import image
from edgecls.errors import ImageError
from edgecls.image_spec import Fit, ImageSpec

__all__ = ["data_uri", "thumbnail_uri"]

LONGER_SIDE = 224  # pixels; sharp on a screen of two dots to the pixel at the size they are shown
QUALITY = 82


def thumbnail_uri(path: Path, spec: ImageSpec) -> str:
    """Return a picture as the network sees it, only sharper, as a data URI; empty if it cannot be read any more.

    What is cut off for the network is cut off here; what is stretched for it is shown as it is.

    Args:
        path: The picture.
        spec: What the network takes.
    """
    try:
        data = image.read_file(path)
        if spec.fit is Fit.STRETCH:
            pixels = image.decode(data, name=str(path), color=spec.color)
            height, width = pixels.shape[:2]
            pixels = image.fit(pixels, _scaled(height, width, spec))
        else:
            pixels = image.decode_to_fit(data, _scaled(spec.height, spec.width, spec), name=str(path))
    except ImageError:
        return ""
    return data_uri(image.encode_jpeg(pixels, quality=QUALITY), "image/jpeg")


def data_uri(data: bytes, media_type: str) -> str:
    """Return bytes as an address that holds them itself."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _scaled(height: int, width: int, spec: ImageSpec) -> ImageSpec:
    """Return a picture's proportions at the size of a thumbnail."""
    scale = LONGER_SIDE / max(height, width)
    return ImageSpec(max(1, round(height * scale)), max(1, round(width * scale)), spec.color, spec.fit)
