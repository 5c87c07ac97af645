"""AVIF (AV1 Image File Format, in the boxes of ISO/IEC 14496-12 and 23008-12)."""

import struct
from collections.abc import Iterator

from edgecls.image_formats.header import MAX_PARTS, DamagedHeaderError, ImageHeader

__all__ = ["eight_bit_still_avif", "ftyp_brands", "read_avif"]

_ORIENTATIONS: dict[tuple[int, int | None], int] = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
}
"""Quarter turns anticlockwise, then the mirroring (0: top and bottom, 1: left and right swap), as Exif orientation."""


def ftyp_brands(data: bytes) -> set[bytes]:
    """Return the brands that a file in ISO's box format claims to be of."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    return {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}


def read_avif(data: bytes) -> ImageHeader:
    """Read the properties of the main image; OpenCV applies none of its turns, so they are reported."""
    meta, meta_end = _box(data, 0, len(data), b"meta")
    children = meta + 4, meta_end  # after version and flags
    pitm, _ = _box(data, *children, b"pitm")
    (primary,) = struct.unpack_from(">H" if data[pitm] == 0 else ">I", data, pitm + 4)
    properties, properties_end = _box(data, *children, b"iprp")
    ipma, _ = _box(data, properties, properties_end, b"ipma")
    listed = list(_boxes(data, *_box(data, properties, properties_end, b"ipco")))
    size: tuple[int, int] | None = None
    rotation, mirror = 0, None
    for index in _associations(data, ipma, primary):
        kind, body, _ = listed[index - 1]
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, body + 4)
            size = (width, height)
        elif kind == b"irot":
            rotation = data[body] & 3
        elif kind == b"imir":
            mirror = data[body] & 1
    if size is None:
        raise DamagedHeaderError("the AVIF does not say its size")
    # Whether a second item holds the transparency is left to the decoder, so ask it every time.
    return ImageHeader("AVIF", *size, orientation=_ORIENTATIONS[rotation, mirror], has_alpha=True)


def eight_bit_still_avif(data: bytes) -> bytes:
    """Return an AVIF whose main image, rather than a sequence, is decoded, to samples of 8 bits.

    OpenCV takes the depth from the properties, but libavif fills the pixels by the depth of the compressed data: where
    the properties promise more bits than there are, half of each row would be left as it was in memory. With 8 bits
    promised, samples of any depth are scaled, and all of them are written.
    """
    changed = bytearray(data)
    changed[8:12] = b"avif"  # "avis" would make it decode the sequence, which has properties of its own
    meta, meta_end = _box(data, 0, len(data), b"meta")
    properties, properties_end = _box(data, meta + 4, meta_end, b"iprp")
    for kind, body, end in _boxes(data, *_box(data, properties, properties_end, b"ipco")):
        if kind == b"av1C":
            changed[body + 2] &= 0x9F  # neither high_bitdepth nor twelve_bit
        elif kind == b"pixi":
            changed[body + 5 : end] = b"\x08" * (end - body - 5)
    return bytes(changed)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
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
            raise DamagedHeaderError("the AVIF is cut short")
        yield kind, body, start + size
        start += size


def _box(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    """Return offset and end of the body of the first box of a type."""
    for kind, body, box_end in _boxes(data, start, end):
        if kind == wanted:
            return body, box_end
    raise DamagedHeaderError(f"the AVIF has no {wanted.decode()} box")


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
    raise DamagedHeaderError("the AVIF does not describe its main image")
