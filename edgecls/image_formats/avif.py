"""AVIF (AV1 Image File Format, in the boxes of ISO/IEC 14496-12 and 23008-12)."""

import struct

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader
from edgecls.image_formats.iso_media import color_profile, main_image_properties, property_list

__all__ = ["eight_bit_still_avif", "read_avif"]

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


def read_avif(data: bytes) -> ImageHeader:
    """Read the properties of the main image; OpenCV applies none of its turns, so they are reported."""
    size: tuple[int, int] | None = None
    rotation, mirror = 0, None
    properties = main_image_properties(data)
    for kind, body, _ in properties:
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
    return ImageHeader(
        "AVIF",
        *size,
        orientation=_ORIENTATIONS[rotation, mirror],
        has_alpha=True,
        color_profile=color_profile(data, properties),
    )


def eight_bit_still_avif(data: bytes) -> bytes:
    """Return an AVIF whose main image, rather than a sequence, is decoded, to samples of 8 bits.

    OpenCV takes the depth from the properties, but libavif fills the pixels by the depth of the compressed data: where
    the properties promise more bits than there are, half of each row would be left as it was in memory. With 8 bits
    promised, samples of any depth are scaled, and all of them are written.
    """
    changed = bytearray(data)
    changed[8:12] = b"avif"  # "avis" would make it decode the sequence, which has properties of its own
    for kind, body, end in property_list(data):
        if kind == b"av1C":
            changed[body + 2] &= 0x9F  # neither high_bitdepth nor twelve_bit
        elif kind == b"pixi":
            changed[body + 5 : end] = b"\x08" * (end - body - 5)
    return bytes(changed)
