"""Tensor data as JSON: numbers and texts, flat or nested, in row-major order."""

import base64
import binascii
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.serving.inference_protocol.invalid import InvalidRequestError

__all__ = ["bytes_from_json", "uint8_from_json"]


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
            "send pixels as they are, scaling is part of the model"
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
