"""WebP (RFC 9649)."""

import struct
from collections.abc import Iterator

from edgecls.image_formats.header import MAX_PARTS, UPRIGHT, DamagedHeaderError, ImageHeader
from edgecls.image_formats.tiff_tags import exif_orientation

__all__ = ["read_webp"]


def read_webp(data: bytes) -> ImageHeader:
    """Read the first chunk and, in an extended file, the Exif chunk."""
    (riff_size,) = struct.unpack_from("<I", data, 4)
    if riff_size + 8 > len(data):
        raise DamagedHeaderError("the WebP is cut short")
    kind, first = data[12:16], 20
    if kind == b"VP8 ":
        if data[first + 3 : first + 6] != b"\x9d\x01\x2a":
            raise DamagedHeaderError("the WebP has no key frame")
        width, height = struct.unpack_from("<HH", data, first + 6)
        return ImageHeader("WebP", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, first + 1)
        return ImageHeader("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, has_alpha=bool(bits >> 28 & 1))
    if kind != b"VP8X":
        raise DamagedHeaderError("the WebP has no image data")
    flags = data[first]
    width = int.from_bytes(data[first + 4 : first + 7], "little") + 1
    height = int.from_bytes(data[first + 7 : first + 10], "little") + 1
    orientation, color_profile = UPRIGHT, b""
    if flags & 0x28:
        for kind, body, length in _riff_chunks(data):
            if kind == b"EXIF" and flags & 0x08:
                exif = data[body : body + length]
                orientation = exif_orientation(exif.removeprefix(b"Exif\0\0"))
            elif kind == b"ICCP" and flags & 0x20:
                color_profile = data[body : body + length]
    return ImageHeader(
        "WebP", width, height, orientation=orientation, has_alpha=bool(flags & 0x10), color_profile=color_profile
    )


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    for _ in range(MAX_PARTS):
        if position + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        yield kind, position + 8, length
        position += 8 + length + (length & 1)
