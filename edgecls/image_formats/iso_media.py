"""The boxes of ISO/IEC 14496-12 and 23008-12, in which AVIF and HEIC keep an image and its properties."""

import struct
from collections.abc import Iterable, Iterator

from edgecls.image_formats.color_profile import profile_of_primaries
from edgecls.image_formats.header import MAX_PARTS, DamagedHeaderError

__all__ = ["box", "boxes", "color_profile", "ftyp_brands", "main_image_properties", "property_list"]


def ftyp_brands(data: bytes) -> set[bytes]:
    """Return the brands that a file in ISO's box format claims to be of."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def main_image_properties(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return type, offset of the body and end of every property of the main image, in the order in which they apply.

    Raises:
        DamagedHeaderError, struct.error, LookupError: The boxes are damaged or cut short.
    """
    meta, meta_end = box(data, 0, len(data), b"meta")
    children = meta + 4, meta_end  # after version and flags
    pitm, _ = box(data, *children, b"pitm")
    (primary,) = struct.unpack_from(">H" if data[pitm] == 0 else ">I", data, pitm + 4)
    properties, properties_end = box(data, *children, b"iprp")
    ipma, _ = box(data, properties, properties_end, b"ipma")
    listed = property_list(data)
    return [listed[index - 1] for index in _associations(data, ipma, primary)]


def color_profile(data: bytes, properties: Iterable[tuple[bytes, int, int]]) -> bytes:
    """Return the ICC profile among the properties of an image, or that of the colours that they give by numbers."""
    by_number = b""
    for kind, body, end in properties:
        if kind == b"colr" and data[body : body + 4] in (b"prof", b"rICC"):
            return data[body + 4 : end]
        if kind == b"colr" and data[body : body + 4] == b"nclx" and end - body >= 8:
            by_number = by_number or profile_of_primaries(*struct.unpack_from(">HH", data, body + 4))
    return by_number


def property_list(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return type, offset of the body and end of the properties of all images in a file.

    Raises:
        As `main_image_properties`.
    """
    meta, meta_end = box(data, 0, len(data), b"meta")
    properties, properties_end = box(data, meta + 4, meta_end, b"iprp")
    return list(boxes(data, *box(data, properties, properties_end, b"ipco")))


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, offset of the body and end of every box."""
    for _ in range(MAX_PARTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        elif size == 0:
            size = end - start
        if size < body - start or start + size > end:
            raise DamagedHeaderError("its boxes are cut short")
        yield kind, body, start + size
        start += size


def box(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    """Return offset and end of the body of the first box of a type."""
    for kind, body, box_end in boxes(data, start, end):
        if kind == wanted:
            return body, box_end
    raise DamagedHeaderError(f"it has no {wanted.decode()} box")


def _associations(data: bytes, ipma: int, item: int) -> list[int]:
    """Return the numbers, counted from 1, of the properties that belong to an item."""
    version, is_wide = data[ipma], bool(data[ipma + 3] & 1)
    (entries,) = struct.unpack_from(">I", data, ipma + 4)
    position = ipma + 8
    step, mask = (2, 0x7FFF) if is_wide else (1, 0x7F)
    for _ in range(min(entries, MAX_PARTS)):
        (owner,) = struct.unpack_from(">H" if version < 1 else ">I", data, position)
        position += 2 if version < 1 else 4
        first, position = position + 1, position + 1 + data[position] * step
        if owner == item:
            indices = [int.from_bytes(data[at : at + step], "big") & mask for at in range(first, position, step)]
            return [index for index in indices if index]
    raise DamagedHeaderError("it does not describe its main image")
