"""PNG (third edition)."""

import struct
from collections.abc import Iterator

from edgecls.image_formats.color_profile import inflated_profile
from edgecls.image_formats.header import UPRIGHT, DamagedHeaderError, ImageHeader
from edgecls.image_formats.tiff_tags import exif_orientation

__all__ = ["read_png", "still_png"]

_BIT_DEPTHS = (1, 2, 4, 8, 16)
_OF_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})


def read_png(data: bytes) -> ImageHeader:
    """Walk all chunks: transparency and orientation may come late."""
    if data[12:16] != b"IHDR":
        raise DamagedHeaderError("the PNG has no IHDR chunk")
    width, height, bit_depth, color_type = struct.unpack_from(">IIBB", data, 16)
    if bit_depth not in _BIT_DEPTHS:
        raise DamagedHeaderError(f"its PNG header claims {bit_depth} bits a sample")
    is_gray, is_palette = color_type == 0, color_type == 3
    has_alpha = color_type in (4, 6)
    orientation = UPRIGHT
    transparent_gray = None
    color_profile = b""
    for kind, body, length in _png_chunks(data):
        if kind == b"tRNS" and is_gray:
            (transparent_gray,) = struct.unpack_from(">H", data, body)
        elif kind == b"tRNS":
            has_alpha = True
        elif kind == b"eXIf":
            orientation = exif_orientation(data[body : body + length])
        elif kind == b"iCCP":
            _, _, compressed = data[body : body + length].partition(b"\0")
            color_profile = inflated_profile(compressed[1:])
        elif kind == b"IEND":
            break
    else:
        raise DamagedHeaderError("the PNG is cut short: its end chunk is missing")
    sample_max = 65535 if bit_depth == 16 else 255
    if transparent_gray is not None and bit_depth < 8:  # the decoder stretches 1, 2 and 4 bits to 8
        transparent_gray = transparent_gray * 255 // ((1 << bit_depth) - 1)
    return ImageHeader(
        "PNG",
        width,
        height,
        orientation=orientation,
        has_alpha=has_alpha,
        sample_max=255 if is_palette else sample_max,
        transparent_gray=transparent_gray,
        color_profile=color_profile,
    )


def still_png(data: bytes) -> bytes:
    """Return a PNG without its animation: what a program shows that does not know animated PNG.

    OpenCV decodes animations by itself, and takes it for a whole image when their data end early. A still image is
    decoded by libpng, which does not.
    """
    pieces, from_here, end = [], 0, len(data)
    for kind, body, length in _png_chunks(data):
        if kind in _OF_ANIMATION:
            pieces.append(data[from_here : body - 8])
            from_here = body + length + 4
        elif kind == b"IEND":
            end = body + length + 4  # OpenCV would read on
            break
    return b"".join((*pieces, data[from_here:end]))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, offset of the body and length of every chunk that lies wholly inside the file."""
    position = 8
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            return
        yield kind, position + 8, length
        position += 12 + length
