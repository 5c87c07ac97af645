"""The tags of a TIFF directory, in TIFF files and in Exif blocks (TIFF 6.0)."""

import struct

from edgecls.image_formats.header import UPRIGHT, DamagedHeaderError

__all__ = ["TIFF_ORIENTATION", "byte_order", "first_directory", "valid_orientation"]

TIFF_ORIENTATION = 274  # tag
_TIFF_FIELDS = {1: "B", 3: "H", 4: "I"}  # the field types that whole numbers are stored in


def byte_order(data: bytes) -> str:
    """Return the byte order of a TIFF file as struct writes it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise DamagedHeaderError("the TIFF header is not of the classic kind")
    return order


def first_directory(data: bytes, order: str) -> dict[int, tuple[int, ...]]:
    """Return the whole-number tags of the first directory; at most eight values of each."""
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    tags = {}
    for index in range(count):
        entry = directory + 2 + 12 * index
        tag, field_type, values = struct.unpack_from(order + "HHI", data, entry)
        code = _TIFF_FIELDS.get(field_type)
        if code is None or values == 0:
            continue
        size = struct.calcsize(code) * values
        offset = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        tags[tag] = struct.unpack_from(order + code * min(values, 8), data, offset)
    return tags


def valid_orientation(values: tuple[int, ...]) -> int:
    """Return the orientation in a tag, or upright if it is none."""
    return values[0] if values and 1 <= values[0] <= 8 else UPRIGHT
