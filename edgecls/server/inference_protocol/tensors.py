"""Tensors of requests, from JSON and binary data, and the error for what does not follow the protocol."""

import base64
import binascii
import math
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.image_spec import ImageSpec
from edgecls.server.http.messages import Refusal

__all__ = [
    "InvalidRequestError",
    "bytes_from_binary",
    "bytes_from_json",
    "bytes_to_binary",
    "float32_to_binary",
    "max_batch_size",
    "uint8_from_binary",
    "uint8_from_json",
]


class InvalidRequestError(Refusal):
    """A request that does not follow the protocol, or names what the model does not have: 400."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BadRequest", message)


_LENGTH = struct.Struct("<I")


def uint8_from_binary(data: bytes, shape: tuple[int, ...], *, name: str) -> npt.NDArray[np.uint8]:
    """Return the numbers of an input, without copying them.

    Raises:
        InvalidRequestError: There are more or fewer bytes than `shape` says.
    """
    if len(data) != math.prod(shape):
        raise InvalidRequestError(
            f"input {name!r} has {len(data)} bytes, its shape {list(shape)} needs {math.prod(shape)}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)


def bytes_from_binary(data: bytes, shape: tuple[int, ...], *, name: str) -> list[bytes]:
    """Return the elements of a BYTES input: each has its length before it, 4 bytes.

    Raises:
        InvalidRequestError: The lengths do not add up, or there are more or fewer elements than `shape` says.
    """
    elements: list[bytes] = []
    place = 0
    while place < len(data) and len(elements) < math.prod(shape):
        if place + _LENGTH.size > len(data):
            break
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size + length
        elements.append(data[place - length : place])
    if place != len(data) or len(elements) != math.prod(shape):
        raise InvalidRequestError(
            f"the {len(data)} bytes of input {name!r} are not the {math.prod(shape)} elements of its shape "
            f"{list(shape)}, each with its length before it in 4 bytes, little-endian"
        )
    return elements


def float32_to_binary(values: npt.NDArray[np.float32]) -> bytes:
    """Return numbers in the form in which they are sent."""
    return values.astype("<f4", copy=False).tobytes()


def bytes_to_binary(texts: Iterable[str]) -> bytes:
    """Return texts as elements of BYTES, in UTF-8."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return b"".join(part for element in encoded for part in (_LENGTH.pack(len(element)), element))


def uint8_from_json(data: Any, shape: tuple[int, ...], *, name: str) -> npt.NDArray[np.uint8]:
    """Return the numbers of an input.

    Args:
        data: JSON lists of numbers without fraction from 0 to 255, flat or nested like `shape`.
        shape: What the request says of it.
        name: Of the input.

    Raises:
        InvalidRequestError: The data is something else.
    """
    values = _array(data, shape, name)
    others = set(map(type, values.ravel().tolist())) - {int, float}
    if others:
        kinds = ", ".join(sorted(kind.__name__ for kind in others))
        raise InvalidRequestError(f"the data of input {name!r} must be numbers, it has values of type {kinds}")
    try:
        numbers = values.astype(np.float64)
    except OverflowError:
        numbers = np.array([math.inf])
    with_fraction_or_outside = ~((numbers >= 0) & (numbers <= 255) & (numbers == np.floor(numbers)))
    if with_fraction_or_outside.any():
        found = numbers[with_fraction_or_outside].flat[0]
        raise InvalidRequestError(
            f"the data of input {name!r} must be whole numbers from 0 to 255, got {found:g}; "
            "send the pixels unscaled, scaling is part of the model"
        )
    return numbers.astype(np.uint8).reshape(shape)


def bytes_from_json(data: Any, shape: tuple[int, ...], *, name: str) -> list[bytes]:
    """Return the elements of a BYTES input; JSON has no bytes, so they come as Base64.

    Raises:
        InvalidRequestError: The data is something else.
    """
    texts = _array(data, shape, name).ravel().tolist()
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except (TypeError, ValueError, binascii.Error) as error:
        raise InvalidRequestError(
            f"the data of input {name!r} must be texts in Base64 ({error}); or send the bytes themselves as binary data"
        ) from error


def _array(data: Any, shape: tuple[int, ...], name: str) -> npt.NDArray[np.object_]:
    """Return JSON values as an array of their own types, so that nothing is converted unseen."""
    if not isinstance(data, list):
        raise InvalidRequestError(f"the data of input {name!r} must be a list, got {type(data).__name__}")
    try:
        values = np.array(data, dtype=object)
    except ValueError:
        values = np.array([])
    if values.shape != shape and values.shape != (math.prod(shape),):
        raise InvalidRequestError(
            f"the data of input {name!r} must be a flat list of {math.prod(shape)} values, "
            f"or lists nested like its shape {list(shape)}"
        )
    return values


MAX_BATCH = 64  # images
MAX_BATCH_BYTES = 64 * 2**20  # of pixels at the model's size; bounds the memory of a request


def max_batch_size(spec: ImageSpec) -> int:
    """Return the largest number of images in one request, at least 1."""
    return max(1, min(MAX_BATCH, MAX_BATCH_BYTES // math.prod(spec.shape_hwc)))
