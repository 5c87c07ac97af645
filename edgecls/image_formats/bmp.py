"""BMP, in all versions of its header."""

import struct

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader

__all__ = ["read_bmp"]

_BMP_INFO_SIZES = (12, 40, 52, 56, 64, 108, 124)  # bytes; one for each version of the header


def read_bmp(data: bytes) -> ImageHeader:
    """Read the info header; an alpha channel in a BMP is not reliable and is left out."""
    (info_size,) = struct.unpack_from("<I", data, 14)
    if info_size not in _BMP_INFO_SIZES:
        raise DamagedHeaderError("the BMP header is of no known kind")
    width, height = struct.unpack_from("<HH" if info_size == 12 else "<ii", data, 18)
    return ImageHeader("BMP", width, abs(height))  # a negative height means rows from top to bottom
