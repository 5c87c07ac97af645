"""TIFF (6.0)."""

from edgecls.image_formats.header import UPRIGHT, DamagedHeaderError, ImageHeader
from edgecls.image_formats.tiff_tags import (
    TIFF_ORIENTATION,
    byte_order,
    first_directory,
    undefined_bytes,
    valid_orientation,
)

__all__ = ["read_tiff"]

_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS = 256, 257, 258  # tags
_TIFF_EXTRA_SAMPLES, _TIFF_SAMPLE_FORMAT = 338, 339  # tags
_TIFF_COLOR_PROFILE = 34675  # tag
_ASSOCIATED_ALPHA, _UNASSOCIATED_ALPHA = 1, 2  # kinds of extra sample


def read_tiff(data: bytes) -> ImageHeader:
    """Read the tags of the first page."""
    order = byte_order(data)
    tags = first_directory(data, order)
    if _TIFF_WIDTH not in tags or _TIFF_HEIGHT not in tags:
        raise DamagedHeaderError("the TIFF does not say its size")
    if tags.get(_TIFF_SAMPLE_FORMAT, (1,))[0] != 1 or max(tags.get(_TIFF_BITS, (1,))) > 16:
        raise DamagedHeaderError("the TIFF holds measurements (signed, float or 32-bit samples), not an image")
    width, height = tags[_TIFF_WIDTH][0], tags[_TIFF_HEIGHT][0]
    if valid_orientation(tags.get(TIFF_ORIENTATION, (UPRIGHT,))) >= 5:
        width, height = height, width  # OpenCV's TIFF decoder turns the image itself
    is_16_bit = max(tags.get(_TIFF_BITS, (1,))) == 16
    extra_samples = tags.get(_TIFF_EXTRA_SAMPLES, ())
    return ImageHeader(
        "TIFF",
        width,
        height,
        has_alpha=_ASSOCIATED_ALPHA in extra_samples or _UNASSOCIATED_ALPHA in extra_samples,
        sample_max=65535 if is_16_bit else 255,
        premultiplied=not is_16_bit or _ASSOCIATED_ALPHA in extra_samples,  # libtiff multiplies 8-bit colours itself
        color_profile=undefined_bytes(data, order, _TIFF_COLOR_PROFILE),
    )
