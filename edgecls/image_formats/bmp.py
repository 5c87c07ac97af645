"""BMP, in all versions of its header."""

import struct

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader

__all__ = ["check_bmp_runs", "read_bmp"]

_BMP_INFO_SIZES = (12, 40, 52, 56, 64, 108, 124)  # bytes; one for each version of the header


def read_bmp(data: bytes) -> ImageHeader:
    """Read the info header; an alpha channel in a BMP is not reliable and is left out."""
    (info_size,) = struct.unpack_from("<I", data, 14)
    if info_size not in _BMP_INFO_SIZES:
        raise DamagedHeaderError("the BMP header is of no known kind")
    width, height = struct.unpack_from("<HH" if info_size == 12 else "<ii", data, 18)
    return ImageHeader("BMP", width, abs(height))  # a negative height means rows from top to bottom


def check_bmp_runs(data: bytes, header: ImageHeader) -> None:
    """Check that the runs of a run-length encoded BMP reach all pixels; OpenCV makes up those that they pass over.

    Raises:
        DamagedHeaderError: They do not.
    """
    start, info_size = struct.unpack_from("<II", data, 10)
    if info_size == 12 or data[30:34] not in (b"\1\0\0\0", b"\2\0\0\0"):
        return
    bits = 8 if data[30] == 1 else 4
    position, column, row = start, 0, 0
    while row < header.height:
        count, value = data[position], data[position + 1]
        position += 2
        if count:
            column += count
        elif value > 2:  # so many pixels as they are, padded to 16 bits
            column += value
            position += (value * bits + 15) // 16 * 2
        elif value == 2 or column < header.width:
            break
        else:  # end of the row, or of the image
            column, row = 0, row + 1
            if value == 1:
                break
    if row < header.height:
        raise DamagedHeaderError("the BMP leaves out pixels")
