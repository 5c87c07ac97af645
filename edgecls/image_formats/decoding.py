"""Encoded images to pixels with OpenCV, whatever their format stores: orientation, transparency, 16 bits, grey."""

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.errors import ImageDecodeError
from edgecls.image_formats.avif import eight_bit_still_avif
from edgecls.image_formats.bmp import check_bmp_runs
from edgecls.image_formats.header import DamagedHeaderError, ImageHeader
from edgecls.image_formats.heic import decode_heic
from edgecls.image_formats.jpeg import as_tiff, stuffed_as_tiff, without_end_marker
from edgecls.image_formats.png import still_png

__all__ = ["Pixels", "check_scans", "decode_pixels", "proves_scans", "scale_to_8_bits"]

Pixels = npt.NDArray[np.uint8]
"""An image: uint8, ``[height, width, channels]``, 3 channels in the order RGB or 1 of luminance."""

_WHITE = 255

_CHECKED_PIXELS = 1 << 20  # width times height; in larger images, a model does not see the details of the last scan

_JPEG_FLAGS = {
    1: {3: cv2.IMREAD_COLOR_RGB, 1: cv2.IMREAD_GRAYSCALE},
    # The reduced flags contain the one for BGR, which excludes the one for RGB.
    2: {
        3: cv2.IMREAD_REDUCED_COLOR_2 & ~cv2.IMREAD_COLOR_BGR | cv2.IMREAD_COLOR_RGB,
        1: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    },
    4: {
        3: cv2.IMREAD_REDUCED_COLOR_4 & ~cv2.IMREAD_COLOR_BGR | cv2.IMREAD_COLOR_RGB,
        1: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    },
    8: {
        3: cv2.IMREAD_REDUCED_COLOR_8 & ~cv2.IMREAD_COLOR_BGR | cv2.IMREAD_COLOR_RGB,
        1: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    },
}


def decode_pixels(data: bytes, header: ImageHeader, *, name: str, channels: int, shrink: int) -> Pixels:
    """Decode an image whose header is known: upright, opaque, 8 bits, with the channels wanted.

    Args:
        data: The whole encoded image.
        header: What it says about itself.
        name: What to call the image in error messages.
        channels: 3 for colour, 1 for grey.
        shrink: How many times smaller a JPEG is decoded: 1, 2, 4 or 8; 1 for every other format.

    Returns:
        uint8, ``[height, width, channels]``, colour in the order RGB.

    Raises:
        ImageDecodeError: The image is damaged or cut short.
    """
    as_stored = header.has_alpha or header.transparent_gray is not None or header.format == "PPM"
    if as_stored:
        flags = cv2.IMREAD_UNCHANGED
    elif header.format == "JPEG":
        flags = _JPEG_FLAGS[shrink][channels] | cv2.IMREAD_IGNORE_ORIENTATION
    else:
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = decode_heic(data) if header.format == "HEIC" else _decode(_for_decoder(data, header), flags)
    except (struct.error, LookupError, ValueError) as error:  # as when reading headers
        if isinstance(error, DamagedHeaderError):
            message = f"cannot read {name!r}: {error}; save or download it again"
            raise ImageDecodeError(message, cut_short=error.cut_short) from error
        raise _undecodable(header, name) from error
    if decoded is None:
        raise _cut_short(name) if _is_jpeg_cut_short(data, header) else _undecodable(header, name)
    if decoded.shape[:2] != (-(-header.height // shrink), -(-header.width // shrink)):
        raise ImageDecodeError(
            f"cannot read {name!r}: the {header.format} header and the image in it disagree about its size; "
            "save or download it again"
        )
    if proves_scans(header):
        check_scans(data, header, name=name, pixels=decoded if channels == 3 and shrink == 1 else None)
    pixels = _over_white(decoded, header) if as_stored else decoded
    return _turn(_with_channels(pixels, channels), header.orientation)


def proves_scans(header: ImageHeader) -> bool:
    """True if `decode_pixels` checks that the scans of a JPEG are whole, for which it is best decoded at full size."""
    return len(header.scan_ends) > 1 and header.width * header.height <= _CHECKED_PIXELS


def _decode(encoded: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Decode with OpenCV; None if it cannot."""
    try:
        decoded: npt.NDArray[Any] | None = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except (cv2.error, MemoryError):
        return None
    return decoded


def _for_decoder(data: bytes, header: ImageHeader) -> bytes:
    """Return an encoded image such that OpenCV either writes all of its pixels or fails.

    Where a format's decoder leaves pixels as they were in memory, or makes them up, when data are missing, the data are
    checked or rewritten first.

    Raises:
        DamagedHeaderError: Data are missing.
    """
    match header.format:
        case "JPEG" if len(header.scan_ends) == 1:
            return without_end_marker(data, header.scan_ends[0])
        case "PNG":
            return still_png(data)
        case "AVIF":
            return eight_bit_still_avif(data)
        case "BMP":
            check_bmp_runs(data, header)
        case "TIFF":
            from edgecls.image_formats.tiff_data import check_tiff_data

            for jpeg, jpeg_header in check_tiff_data(data):
                if _decode(_for_decoder(jpeg, jpeg_header), _JPEG_FLAGS[8][1]) is None:
                    raise DamagedHeaderError("the TIFF is cut short: a JPEG in it lacks its end", cut_short=True)
        case "PPM" | "PBM" if data[:2] in (b"P1", b"P2", b"P3"):
            return data + b"\n"  # OpenCV wants white space after the last number of a text file
    return data


def _is_jpeg_cut_short(data: bytes, header: ImageHeader) -> bool:
    """True if a JPEG that cannot be decoded can be when its rest is made up."""
    if len(header.scan_ends) != 1:
        return False
    return _decode(data[: header.scan_ends[0]] + b"\xff\xd9", _JPEG_FLAGS[8][1]) is not None


def check_scans(data: bytes, header: ImageHeader, *, name: str, pixels: npt.NDArray[Any] | None = None) -> None:
    """Check that each of the scans of a JPEG of several is whole; it costs a full decoding, or two.

    Args:
        data: The whole encoded image.
        header: What it says about itself.
        name: What to call the image in error messages.
        pixels: What it decodes to in RGB at full size, as it is stored, if known.

    Raises:
        ImageDecodeError: One is not.
    """
    if len(header.scan_ends) < 2:
        return
    flags = _JPEG_FLAGS[1][3] | cv2.IMREAD_IGNORE_ORIENTATION
    stuffed = _decode(stuffed_as_tiff(data, header), flags)
    if stuffed is None or (pixels is not None and np.array_equal(stuffed, pixels)):
        return
    unstuffed = _decode(as_tiff(data, header), flags)
    if unstuffed is not None and not np.array_equal(stuffed, unstuffed):
        raise _cut_short(name)


def _cut_short(name: str) -> ImageDecodeError:
    return ImageDecodeError(
        f"cannot read {name!r}: the JPEG is cut short: its compressed data end before the image does; "
        "save or download it again",
        cut_short=True,
    )


def _undecodable(header: ImageHeader, name: str) -> ImageDecodeError:
    return ImageDecodeError(
        f"cannot read {name!r}: the {header.format} image is damaged, cut short, or of a rare kind; "
        "save or download it again"
    )


def _over_white(stored: npt.NDArray[Any], header: ImageHeader) -> Pixels:
    """Bring samples as the decoder stores them (BGR, BGRA or grey, 8 or 16 bits) to opaque 8-bit RGB or grey."""
    sample_max = np.iinfo(np.uint16).max if header.format == "HEIC" and stored.dtype == np.uint16 else header.sample_max
    pixels = stored.astype(np.uint8) if sample_max == 255 else scale_to_8_bits(stored, sample_max)
    if header.transparent_gray is not None:
        pixels = np.where(stored == header.transparent_gray, np.uint8(_WHITE), pixels)
    if pixels.ndim == 2:
        return pixels
    colors = pixels[:, :, 2::-1]
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.uint16)
        weighted = colors * (np.uint16(255) if header.premultiplied else alpha)
        blended = (weighted + _WHITE * (255 - alpha) + 127) // 255
        colors = np.minimum(blended, 255).astype(np.uint8)
    return np.ascontiguousarray(colors)


def scale_to_8_bits(samples: npt.NDArray[Any], sample_max: int) -> Pixels:
    """Bring samples from 0 to `sample_max` to 0 to 255, rounded; larger ones count as full."""
    scaled = (samples.astype(np.uint32) * 255 + sample_max // 2) // sample_max
    return np.minimum(scaled, 255).astype(np.uint8)


def _with_channels(pixels: npt.NDArray[Any], channels: int) -> Pixels:
    """Give 8-bit RGB, or grey without a channel axis, the channels wanted: [H, W, 3] or [H, W, 1]."""
    if pixels.ndim == 3 and channels == 1:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    elif pixels.ndim == 2 and channels == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]


_TURNS = {
    3: (cv2.ROTATE_180, None),
    6: (cv2.ROTATE_90_CLOCKWISE, None),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, None),
    2: (None, 1),
    4: (None, 0),
    5: (cv2.ROTATE_90_CLOCKWISE, 1),
    7: (cv2.ROTATE_90_COUNTERCLOCKWISE, 1),
}
"""For each Exif orientation the rotation, then the mirroring (0: top and bottom, 1: left and right swap)."""


def _turn(pixels: npt.NDArray[Any], orientation: int) -> Pixels:
    rotation, mirror = _TURNS.get(orientation, (None, None))
    if rotation is not None:
        pixels = cv2.rotate(pixels, rotation)
    if mirror is not None:
        pixels = cv2.flip(pixels, mirror)
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]
