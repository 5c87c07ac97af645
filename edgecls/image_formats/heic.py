"""HEIC and HEIF (HEVC in the boxes of ISO/IEC 14496-12 and 23008-12), decoded by pi-heif."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader
from edgecls.image_formats.iso_media import box, boxes, color_profile, main_image_properties

__all__ = ["HEIC_BRANDS", "decode_heic", "read_heic"]

HEIC_BRANDS = frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"])


def read_heic(data: bytes) -> ImageHeader:
    """Read the properties of the main image. The decoder crops and turns it, so its final size is reported."""
    width = height = 0
    properties = main_image_properties(data)
    for kind, body, _ in properties:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", data, body + 4)
        elif kind == b"clap":
            width, height = _cropped(data, body, width, height)
        elif kind == b"irot" and data[body] & 1:
            width, height = height, width
    # Whether a second item holds the transparency is left to the decoder, so ask it every time.
    return ImageHeader(
        "HEIC",
        width,
        height,
        has_alpha=True,
        premultiplied=_is_premultiplied(data),
        color_profile=color_profile(data, properties),
    )


def _is_premultiplied(data: bytes) -> bool:
    meta, meta_end = box(data, 0, len(data), b"meta")
    references = [found for found in boxes(data, meta + 4, meta_end) if found[0] == b"iref"]
    return any(kind == b"prem" for _, body, end in references for kind, _, _ in boxes(data, body + 4, end))


def _cropped(data: bytes, clap: int, width: int, height: int) -> tuple[int, int]:
    """Return the size of the clean aperture, which begins and ends in whole pixels."""
    numbers = struct.unpack_from(">IIIIiIiI", data, clap)
    if 0 in numbers[1::2]:
        raise DamagedHeaderError("the HEIC describes no area of the image")
    sizes = []
    for full, at in ((width, 0), (height, 2)):
        size, offset = numbers[at] / numbers[at + 1], numbers[at + 4] / numbers[at + 5]
        first = round(offset + (full - 1) / 2 - (size - 1) / 2)
        last = round(offset + (full - 1) / 2 + (size - 1) / 2)
        sizes.append(min(full - 1, last) - max(0, first) + 1)
    return sizes[0], sizes[1]


def decode_heic(data: bytes) -> npt.NDArray[Any]:
    """Decode the main image, upright.

    Returns:
        uint8, or uint16 of full range for grey images of more than 8 bits: ``[height, width]`` of luminance, or
        ``[height, width, channels]`` in the order BGR or BGRA.

    Raises:
        DamagedHeaderError, ValueError: The image is damaged or cut short.
    """
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1  # images are decoded next to each other
    try:
        image = pi_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
        return np.array(image)  # a copy: the array that asarray returns does not keep the pixels alive
    except (EOFError, SyntaxError, RuntimeError, OSError, ValueError) as error:
        if "end of file" in str(error).lower():
            raise DamagedHeaderError("the HEIC is cut short", cut_short=True) from error
        raise ValueError(str(error)) from error
