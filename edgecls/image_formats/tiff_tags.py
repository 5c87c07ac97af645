"""The tags of a TIFF directory, in TIFF files (TIFF 6.0) and in Exif blocks (CIPA DC-008), small TIFF files."""

import struct
from collections.abc import Iterator

from edgecls.image_formats.header import UPRIGHT, DamagedHeaderError

__all__ = [
    "TIFF_ORIENTATION",
    "byte_order",
    "exif_orientation",
    "first_directory",
    "undefined_bytes",
    "valid_orientation",
]

TIFF_ORIENTATION = 274  # tag
_TIFF_FIELDS = {1: "B", 3: "H", 4: "I"}  # the field types that whole numbers are stored in
_TIFF_UNDEFINED = 7  # field type


def byte_order(data: bytes) -> str:
    """Return the byte order of a TIFF file as struct writes it."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise DamagedHeaderError("the TIFF header is not of the classic kind")
    return order


def first_directory(data: bytes, order: str, *, most: int = 8) -> dict[int, tuple[int, ...]]:
    """Return the whole-number tags of the first directory; at most so many values of each."""
    tags = {}
    for entry, tag, field_type, values in _entries(data, order):
        code = _TIFF_FIELDS.get(field_type)
        if code is None or values == 0:
            continue
        size = struct.calcsize(code) * values
        offset = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        tags[tag] = struct.unpack_from(f"{order}{min(values, most)}{code}", data, offset)
    return tags


def undefined_bytes(data: bytes, order: str, wanted: int) -> bytes:
    """Return what the first directory has under a tag of undefined type (bytes that mean something elsewhere)."""
    for entry, tag, field_type, size in _entries(data, order):
        if tag == wanted and field_type in (1, _TIFF_UNDEFINED):
            offset = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
            return data[offset : offset + size]
    return b""


def _entries(data: bytes, order: str) -> Iterator[tuple[int, int, int, int]]:
    """Yield offset, tag, type and number of values of each entry of the first directory."""
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        yield entry, *struct.unpack_from(order + "HHI", data, entry)


def valid_orientation(values: tuple[int, ...]) -> int:
    """Return the orientation in a tag, or upright if it is none."""
    return values[0] if values and 1 <= values[0] <= 8 else UPRIGHT


def exif_orientation(tiff: bytes) -> int:
    """Return the orientation in an Exif block; a block that cannot be read leaves the image upright."""
    try:
        tags = first_directory(tiff, byte_order(tiff))
        return valid_orientation(tags.get(TIFF_ORIENTATION, (UPRIGHT,)))
    except (struct.error, IndexError, ValueError):
        return UPRIGHT
