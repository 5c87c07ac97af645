"""The image pipeline: encoded bytes to uint8 pixels to the size a model takes.

Training, golden samples, command line and server all go through `decode` and `fit`, so that a
model sees the same pixels everywhere. Normalisation is not here: it is part of the network.

Importing this module sets OpenCV to one thread per call and silences its log, for the whole
process: images are decoded in parallel with each other, and every failure becomes an exception.
"""

import errno
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from edgecls.errors import ImageReadError, ImageTooLargeError
from edgecls.image_formats import ImageHeader, read_header
from edgecls.image_formats.color_profile import MAX_PROFILE_BYTES, SrgbConversion, srgb_conversion
from edgecls.image_formats.decoding import Pixels, check_scans, decode_pixels, proves_scans
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits, check_size
from edgecls.image_spec import Color, ImageSpec
from edgecls.regular_file import NotRegularFileError, open_regular
from edgecls.resize import resize

__all__ = [
    "TRAINED_COLORS",
    "Pixels",
    "check_whole",
    "decode",
    "decode_to_fit",
    "decode_to_fit_with_size",
    "encode_jpeg",
    "encode_png",
    "fit",
    "read_file",
    "read_stdin",
]

cv2.setNumThreads(1)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

TRAINED_COLORS = {"color_profiles": "converted to sRGB"}
"""What a model document says about the colours of training images; older documents do not, they were used as stored."""

LONGEST_PATH = 32_768  # characters, on any system
SHOWN_OF_NO_PATH = 60


def read_file(path: str | os.PathLike[str], *, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """Read an encoded image from disk; the path may be in any script.

    Raises:
        ImageReadError: There is no such file, it is a folder, a pipe or a device, or it may not be read.
        ImageTooLargeError: It has more than ``limits.max_bytes`` bytes.
    """
    name = os.fspath(path)
    if "\0" in name or len(name) > LONGEST_PATH:
        shown = name if len(name) <= SHOWN_OF_NO_PATH else f"{name[:SHOWN_OF_NO_PATH]}..."
        raise ImageReadError(f"cannot read {shown!r}: that is no path; give an encoded image as bytes")
    try:
        with open_regular(path) as stream:
            return _read_bounded(stream, name, limits, expected=os.fstat(stream.fileno()).st_size)
    except FileNotFoundError as error:
        raise ImageReadError(f"cannot read {name!r}: no such file; check the path") from error
    except NotRegularFileError as error:
        raise ImageReadError(f"cannot read {name!r}: {error}; give an image file") from error
    except (IsADirectoryError, PermissionError) as error:
        if Path(path).is_dir():  # Windows calls opening a folder a matter of permission
            raise ImageReadError(f"cannot read {name!r}: it is a folder; give an image in it") from error
        raise ImageReadError(f"cannot read {name!r}: no permission; check who may read the file") from error
    except (OSError, ValueError) as error:
        raise ImageReadError(f"cannot read {name!r}: {error}") from error


def read_stdin(*, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """Read one encoded image from standard input.

    Raises:
        ImageReadError: It is closed, or cannot be read.
        ImageTooLargeError: There are more than ``limits.max_bytes`` bytes.
    """
    if sys.stdin is None:
        raise ImageReadError("cannot read '-': standard input is closed; pipe an image into it")
    try:
        return _read_bounded(sys.stdin.buffer, "-", limits)
    except OSError as error:
        reason = "standard input is closed" if error.errno == errno.EBADF else error.strerror or error
        raise ImageReadError(f"cannot read '-': {reason}; pipe an image into it") from error


def _read_bounded(stream: BinaryIO, name: str, limits: ImageLimits, *, expected: int = 0) -> bytes:
    # To ask for all that is allowed makes Python allocate it, which costs more than reading a photo.
    data = stream.read(min(expected, limits.max_bytes) + 1)
    if len(data) > expected:  # it has grown, or its size cannot be told
        data += stream.read(max(0, limits.max_bytes + 1 - len(data)))
    check_size(len(data), name=name, limits=limits)
    return data


def decode(
    data: bytes,
    *,
    name: str = "image",
    color: Color = Color.RGB,
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Pixels:
    """Decode an image at full size.

    JPEG (also CMYK and progressive), PNG, BMP, WebP, GIF (first frame), TIFF (first page), PPM,
    AVIF and, where pi-heif is installed, HEIC. Orientation from Exif (or, in AVIF and HEIC, from
    the file's own transforms) is applied, transparency is laid over white, samples of more bits
    become 8-bit ones, and colours of a profile with a matrix (Display P3, Adobe RGB) become sRGB.

    Args:
        data: The whole encoded image.
        name: What to call the image in error messages.
        color: RGB for three channels, GRAY for one.
        limits: Bounds on bytes and pixels.

    Returns:
        uint8, ``[height, width, 3]`` in the order RGB, or ``[height, width, 1]``.

    Raises:
        ImageTooLargeError: More bytes or pixels than `limits` allow; nothing was decoded.
        UnsupportedImageError: The format is not one that edgecls reads.
        ImageDecodeError: The image is damaged or cut short.
    """
    header = _checked_header(data, name, limits)
    conversion = _conversion(header)
    channels = color.channels if conversion is None else Color.RGB.channels
    pixels = decode_pixels(data, header, name=name, channels=channels, shrink=1)
    return pixels if conversion is None else _converted(pixels, conversion, color)


def decode_to_fit(
    data: bytes,
    spec: ImageSpec,
    *,
    name: str = "image",
    limits: ImageLimits = DEFAULT_LIMITS,
) -> Pixels:
    """Decode an image and bring it to a model's size: what every prediction starts with.

    As `decode_to_fit_with_size`, without the size.
    """
    return decode_to_fit_with_size(data, spec, name=name, limits=limits)[0]


def decode_to_fit_with_size(
    data: bytes,
    spec: ImageSpec,
    *,
    name: str = "image",
    limits: ImageLimits = DEFAULT_LIMITS,
) -> tuple[Pixels, tuple[int, int]]:
    """Decode an image and bring it to a model's size.

    Like `decode` followed by `fit`, but colours are converted at the model's size, and a JPEG much larger
    than needed is decoded at the smallest DCT scale (1/2, 1/4 or 1/8) that still covers the target.

    Returns:
        uint8, shape ``spec.shape_hwc``; and height and width of the upright image.

    Raises:
        As `decode`.
    """
    header = _checked_header(data, name, limits)
    shrink = _dct_shrink(header, spec)
    conversion = _conversion(header)
    fitted_spec = spec if conversion is None else replace(spec, color=Color.RGB)
    pixels = decode_pixels(data, header, name=name, channels=fitted_spec.channels, shrink=shrink)
    height, width = header.upright_hw
    fitted = fit(pixels, fitted_spec, extent_hw=(height / shrink, width / shrink))
    return fitted if conversion is None else _converted(fitted, conversion, spec.color), header.upright_hw


def _conversion(header: ImageHeader) -> SrgbConversion | None:
    profile = header.color_profile
    return srgb_conversion(profile) if 0 < len(profile) <= MAX_PROFILE_BYTES else None


def _converted(pixels: Pixels, conversion: SrgbConversion, color: Color) -> Pixels:
    converted = conversion(pixels)
    if color is Color.GRAY:
        return np.asarray(cv2.cvtColor(converted, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, np.newaxis]
    return converted


def check_whole(data: bytes, *, name: str = "image") -> None:
    """Check that nothing is missing from an image that can be decoded, not even the last details.

    A JPEG of several scans (a progressive one) shows the whole image before its last scan is complete. `decode` notices
    that up to a megapixel, and at any size if whole scans are missing; this costs two more decodings, and always does.

    Raises:
        ImageDecodeError: Its end is missing.
    """
    header = read_header(data, name=name)
    if not proves_scans(header):
        check_scans(data, header, name=name)


def fit(pixels: Pixels, spec: ImageSpec, *, extent_hw: tuple[float, float] | None = None) -> Pixels:
    """Bring decoded pixels to the height and width of a model by its fit rule.

    Args:
        pixels: uint8, ``[height, width, C]`` with as many channels as `spec` has; left as it is.
        spec: Target size and rule.
        extent_hw: True height and width of what the pixels show, as in `resize.resize`; their shape if not given.

    Returns:
        uint8, shape ``spec.shape_hwc``; a new array unless the size is right already.
    """
    height, width = extent_hw or pixels.shape[:2]
    if (height, width) == (spec.height, spec.width):
        return pixels
    placed = spec.place(height, width)
    extent_hw = (placed.height, placed.width)
    inner = resize(pixels[placed.seen], placed.inner_height, placed.inner_width, extent_hw=extent_hw)
    if inner.shape == spec.shape_hwc:
        return inner
    padded = np.zeros(spec.shape_hwc, np.uint8)
    padded[placed.inner] = inner
    return padded


def encode_png(pixels: Pixels, *, compression: int = 9) -> bytes:
    """Encode uint8 pixels, ``[height, width, 3]`` RGB or ``[height, width, 1]``, as PNG without loss.

    Args:
        pixels: What to encode.
        compression: From 0 to 9; of photos, 1 is ten times as fast as 9 and gives files a tenth larger.
    """
    return _encode(pixels, ".png", cv2.IMWRITE_PNG_COMPRESSION, compression)


def encode_jpeg(pixels: Pixels, *, quality: int) -> bytes:
    """Encode uint8 pixels, ``[height, width, 3]`` RGB or ``[height, width, 1]``, as JPEG, for people to look at.

    Args:
        pixels: What to encode.
        quality: From 0 to 100.
    """
    return _encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def _encode(pixels: Pixels, suffix: str, *options: int) -> bytes:
    ordered = pixels[:, :, ::-1] if pixels.shape[2] == 3 else pixels
    return cv2.imencode(suffix, ordered, options)[1].tobytes()


def _checked_header(data: bytes, name: str, limits: ImageLimits) -> ImageHeader:
    check_size(len(data), name=name, limits=limits)
    header = read_header(data, name=name)
    if header.width * header.height > limits.max_pixels:
        raise ImageTooLargeError(
            f"cannot use {name!r}: its header claims {header.width}x{header.height} pixels, "
            f"more than the {limits.max_pixels / 1e6:.4g} megapixels allowed; scale it down or raise the limit"
        )
    return header


def _dct_shrink(header: ImageHeader, spec: ImageSpec) -> int:
    """Return 8, 4, 2 or 1: how many times smaller a JPEG can be decoded and still cover the target."""
    if header.format != "JPEG" or proves_scans(header):
        return 1
    height, width = header.upright_hw
    placed = spec.place(height, width)
    for shrink in (8, 4, 2):
        if -(-height // shrink) >= placed.inner_height and -(-width // shrink) >= placed.inner_width:
            return shrink
    return 1
