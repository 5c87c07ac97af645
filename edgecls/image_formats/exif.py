"""The orientation in an Exif block (CIPA DC-008), which is a small TIFF file."""

import struct

from edgecls.image_formats.header import UPRIGHT
from edgecls.image_formats.tiff_tags import TIFF_ORIENTATION, byte_order, first_directory, valid_orientation

__all__ = ["exif_orientation"]


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation in an Exif block; a block that cannot be read leaves the image upright."""
    try:
        order = byte_order(tiff)
        tags = first_directory(tiff, order)
        return valid_orientation(tags.get(TIFF_ORIENTATION, (UPRIGHT,)))
    except (struct.error, IndexError, ValueError):
        return UPRIGHT
