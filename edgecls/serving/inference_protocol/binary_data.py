"""Tensor data as bytes: little-endian, row-major; elements of BYTES each behind their length."""

import math
import struct
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edgecls.serving.inference_protocol.invalid import InvalidRequestError

__all__ = ["bytes_from_binary", "bytes_to_binary", "float32_to_binary", "uint8_from_binary"]

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
    """Return numbers as they are sent."""
    return values.astype("<f4", copy=False).tobytes()


def bytes_to_binary(texts: Iterable[str]) -> bytes:
    """Return texts as elements of BYTES, in UTF-8."""
    encoded = [text.encode("utf-8", "replace") for text in texts]
    return b"".join(part for element in encoded for part in (_LENGTH.pack(len(element)), element))
