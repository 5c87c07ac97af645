"""What a classifier takes as an image: a path, encoded bytes, a binary file, an array of pixels, a PIL image."""

import os
import sys
from collections.abc import Iterable
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from edgecls import image as pipeline
from edgecls.errors import ImageArrayError, ImageDecodeError, ImageReadError, ImageTooLargeError
from edgecls.image import Pixels
from edgecls.image_formats.decoding import scale_to_8_bits
from edgecls.image_limits import ImageLimits, check_size
from edgecls.image_spec import ImageSpec

__all__ = [
    "UNNAMED",
    "ChannelOrder",
    "ImageInput",
    "check_several",
    "decoded",
    "fitted",
    "fitted_with_size",
    "name_of",
    "read_input",
]

ChannelOrder = Literal["rgb", "bgr"]
"""In which order an array has its colours. OpenCV reads and captures images as BGR."""

UNNAMED = "image"  # what an image that has no path is called
_TRANSPOSED = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Exif orientation -> PIL.Image.Transpose
_EXIF_ORIENTATION = 0x0112
_WANTED = "an image is a path, encoded bytes, a binary file, a numpy array (uint8, RGB) or a PIL image"


class BinaryFile(Protocol):
    """A file opened in binary mode, or anything else that is read like one."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes."""


class PilImage(Protocol):
    """A PIL.Image.Image."""

    @property
    def mode(self) -> str:
        """How PIL keeps the pixels."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""

    def convert(self, mode: str, /) -> Any:
        """Return the image in another mode."""


ImageInput = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | npt.NDArray[np.uint8] | PilImage
"""What a classifier takes as an image.

A numpy array is uint8, ``[height, width, 3]`` RGB, ``[height, width, 4]`` RGBA, or grey as ``[height, width]`` or
``[height, width, 1]``. PIL need not be installed. Of a PIL image, the Exif orientation is applied as of a file.
"""


def name_of(image: ImageInput) -> str:
    """Return what to call an image: its path, or the name of its file, if it has one."""
    if isinstance(image, str | os.PathLike):
        return os.fsdecode(image)
    name = getattr(image, "filename" if _is_pil(image) else "name", None)
    return name if isinstance(name, str) and name else UNNAMED


def read_input(image: ImageInput, *, name: str, channel_order: ChannelOrder, limits: ImageLimits) -> bytes | Pixels:
    """Return an image as encoded bytes, or, of one that is decoded, as pixels.

    Args:
        image: Left as it is.
        name: What to call it in errors.
        channel_order: Of an array with colours; of anything else it makes no difference.
        limits: Bounds on bytes and pixels.

    Returns:
        Encoded bytes; or uint8, ``[height, width, 3]`` in the order RGB, or ``[height, width, 1]``.

    Raises:
        ImageReadError: A file cannot be read.
        ImageTooLargeError: It has more bytes or pixels than the limits allow.
        ImageDecodeError: A PIL image cannot be loaded.
        ImageArrayError: An array does not have the shape or dtype of an image.
        TypeError: It is nothing that can be an image.
        ValueError: `channel_order` is neither "rgb" nor "bgr".
    """
    if channel_order not in ("rgb", "bgr"):
        raise ValueError(f"channel_order is 'rgb' or 'bgr', not {channel_order!r}")
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | os.PathLike):
        return pipeline.read_file(image, limits=limits)
    if isinstance(image, bytearray | memoryview):
        return bytes(image)
    if isinstance(image, np.ndarray):
        return _pixels_of_array(image, name, channel_order, limits)
    if _is_pil(image):
        return _pixels_of_pil(image, name, limits)
    if hasattr(image, "read"):
        return _read_binary(image, name, limits)
    raise TypeError(f"{_WANTED}, not {_described(image)}")


def check_several(images: Iterable[ImageInput], *, for_one: str = "use predict for one image") -> None:
    """Refuse what is one image, or nothing that has images.

    Args:
        images: What was given.
        for_one: What to do about one image.

    Raises:
        TypeError: It is.
    """
    is_one_array = isinstance(images, np.ndarray) and images.ndim < 4
    is_one = isinstance(images, str | bytes | bytearray | memoryview | os.PathLike) or is_one_array
    if is_one or _is_pil(images) or hasattr(images, "read"):
        raise TypeError(f"many images are an iterable, got one {type(images).__name__}; {for_one}")
    if not isinstance(images, Iterable):
        raise TypeError(f"many images are an iterable, not {_described(images)}")


def fitted(content: bytes | Pixels, spec: ImageSpec, *, name: str, limits: ImageLimits) -> Pixels:
    """Bring what `read_input` returns to the size of a model: as `fitted_with_size`, without the size."""
    return fitted_with_size(content, spec, name=name, limits=limits)[0]


def fitted_with_size(
    content: bytes | Pixels, spec: ImageSpec, *, name: str, limits: ImageLimits
) -> tuple[Pixels, tuple[int, int]]:
    """Bring what `read_input` returns to the size of a model.

    Returns:
        uint8, shape ``spec.shape_hwc``; and height and width of the upright image.

    Raises:
        ImageTooLargeError: More bytes or pixels than the limits allow.
        ImageDecodeError: Encoded bytes are not a whole image in a supported format.
    """
    if isinstance(content, bytes):
        return pipeline.decode_to_fit_with_size(content, spec, name=name, limits=limits)
    return pipeline.fit(_with_channels(content, spec.channels), spec), (content.shape[0], content.shape[1])


def decoded(content: bytes | Pixels, *, name: str, limits: ImageLimits) -> Pixels:
    """Decode what `read_input` returns at full size: uint8, ``[height, width, 3]``, RGB.

    Raises:
        As `fitted`.
    """
    if isinstance(content, bytes):
        return pipeline.decode(content, name=name, limits=limits)
    return _with_channels(content, 3)


def _is_pil(image: object) -> bool:
    """True for a PIL image; where there is one, PIL has been imported."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(image, pil.Image)


def _read_binary(file: Any, name: str, limits: ImageLimits) -> bytes:
    pieces, size = [], 0
    while size <= limits.max_bytes:
        try:
            piece = file.read(limits.max_bytes + 1 - size)
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise ImageReadError(f"cannot read {name!r}: {error}") from error
        if not isinstance(piece, bytes):
            kind = type(piece).__name__
            raise TypeError(f"cannot read {name!r}: its read() gives {kind}, not bytes; open the file in mode 'rb'")
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    check_size(size, name=name, limits=limits)
    if not pieces:
        raise ImageReadError(f"cannot read {name!r}: the file is empty, or was read to its end; try file.seek(0)")
    return b"".join(pieces)


def _pixels_of_array(array: npt.NDArray[Any], name: str, channel_order: ChannelOrder, limits: ImageLimits) -> Pixels:
    fault = f"cannot use {name!r}: an array of {array.dtype} {array.shape} is not an image"
    if array.ndim == 4:
        raise ImageArrayError(f"{fault} but a batch; predict_many(array) takes each image of it")
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        raise ImageArrayError(f"{fault}: channels come last; give array.transpose(1, 2, 0)")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageArrayError(f"{fault}; give uint8 [height, width, 3], or grey [height, width]")
    if array.dtype != np.uint8:
        how = "scale it to 0 to 255 and give array.astype(numpy.uint8)"
        raise ImageArrayError(f"{fault}: its values must be uint8; {how}")
    if array.size == 0:
        raise ImageArrayError(f"{fault}: it has no pixels; was it cropped outside the image?")
    _check_pixels(array.shape[1], array.shape[0], name, limits)
    samples = array[:, :, np.newaxis] if array.ndim == 2 else array
    if samples.shape[2] == 1:
        return np.ascontiguousarray(samples)
    colors = samples[:, :, :3] if channel_order == "rgb" else samples[:, :, 2::-1]
    return np.ascontiguousarray(colors) if samples.shape[2] == 3 else _over_white(colors, samples[:, :, 3:])


def _pixels_of_pil(image: Any, name: str, limits: ImageLimits) -> Pixels:
    width, height = image.size
    _check_pixels(width, height, name, limits)
    try:
        turn = _TRANSPOSED.get(image.getexif().get(_EXIF_ORIENTATION, 1))
        upright = image if turn is None else image.transpose(turn)
        if upright.mode.startswith("I"):
            return _of_16_bits(np.asarray(upright), name)[:, :, np.newaxis]
        if upright.mode == "F":
            raise ImageArrayError(
                f"cannot use {name!r}: a PIL image of mode 'F' has no range; scale it to 0 to 255, then convert('L')"
            )
        if upright.mode == "L" and "transparency" not in upright.info:
            return np.array(upright)[:, :, np.newaxis]
        if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
            samples = np.asarray(upright.convert("RGBA"))
            return _over_white(samples[:, :, :3], samples[:, :, 3:])
        return np.array(upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:  # it reads its file only now, which may be cut short
        raise ImageDecodeError(f"cannot read {name!r}: PIL cannot load it ({error})") from error


def _of_16_bits(samples: npt.NDArray[Any], name: str) -> Pixels:
    if samples.min() < 0 or samples.max() > 65535:
        raise ImageArrayError(
            f"cannot use {name!r}: a PIL image of 32-bit samples has no range; scale it to 0 to 255, then convert('L')"
        )
    return scale_to_8_bits(samples, 65535)


def _check_pixels(width: int, height: int, name: str, limits: ImageLimits) -> None:
    if width * height == 0:
        raise ImageArrayError(f"cannot use {name!r}: an image of {width}x{height} pixels has none")
    if width * height > limits.max_pixels:
        raise ImageTooLargeError(
            f"cannot use {name!r}: it has {width}x{height} pixels, more than the {limits.max_pixels / 1e6:.4g} "
            "megapixels allowed; scale it down or raise the limit"
        )


def _over_white(colors: Pixels, alpha: Pixels) -> Pixels:
    """Lay pixels over white by their alpha, as `image.decode` does."""
    weight = alpha.astype(np.uint16)
    return ((colors * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


def _with_channels(pixels: Pixels, channels: int) -> Pixels:
    if pixels.shape[2] == channels:
        return pixels
    if channels == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, np.newaxis]
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)


def _described(image: object) -> str:
    if image is None:
        return "None, which is what OpenCV gives where it cannot read an image"
    kind = type(image)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(image, list | tuple | set | dict):
        return f"{name}; predict_many takes several"
    return f"{name}; numpy.asarray makes an array of a tensor" if hasattr(image, "__array__") else name
