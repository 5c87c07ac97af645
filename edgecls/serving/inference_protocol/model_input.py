"""The input of a model: pixels, or encoded pictures that become pixels."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgecls.image_spec import ImageSpec
from edgecls.modelfile import INPUT_NAME
from edgecls.serving.inference_protocol.binary_data import bytes_from_binary, uint8_from_binary
from edgecls.serving.inference_protocol.inference_request import InputTensor
from edgecls.serving.inference_protocol.invalid import InvalidRequestError
from edgecls.serving.inference_protocol.json_data import bytes_from_json, uint8_from_json
from edgecls.serving.inference_protocol.tensor_limits import max_batch_size

__all__ = ["Decode", "read_batch"]

Decode = Callable[[bytes, str], npt.NDArray[np.uint8]]
"""From an encoded picture and what to call it to uint8 pixels at the model's size."""


def read_batch(tensor: InputTensor, spec: ImageSpec, decode: Decode) -> npt.NDArray[np.uint8]:
    """Return the pictures of an input.

    Args:
        tensor: UINT8 ``[N, height, width, channels]`` at the model's size, or BYTES ``[N]`` or ``[N, 1]``, each
            element a whole encoded picture of any size.
        spec: What the model takes.
        decode: Decodes a picture; what it raises is raised.

    Returns:
        uint8, ``[N, height, width, channels]``.

    Raises:
        InvalidRequestError: The input is something else, or too many pictures.
    """
    if tensor.name != INPUT_NAME:
        raise InvalidRequestError(f"the model has no input {tensor.name[:100]!r}; its only input is {INPUT_NAME!r}")
    if tensor.datatype == "UINT8":
        return _pixels(tensor, spec)
    if tensor.datatype == "BYTES":
        encoded = _encoded(tensor, spec)
        names = [f"{INPUT_NAME}[{index}]" for index in range(len(encoded))]
        return np.stack([decode(data, name) for data, name in zip(encoded, names, strict=True)])
    raise InvalidRequestError(
        f"input {tensor.name!r} takes UINT8 (pixels) or BYTES (encoded pictures), got {tensor.datatype[:20]!r}"
    )


def _pixels(tensor: InputTensor, spec: ImageSpec) -> npt.NDArray[np.uint8]:
    _check(tensor, ["N", *spec.shape_hwc], fits=tensor.shape[1:] == spec.shape_hwc, spec=spec)
    read = uint8_from_binary if isinstance(tensor.data, bytes) else uint8_from_json
    return read(tensor.data, tensor.shape, name=tensor.name)


def _encoded(tensor: InputTensor, spec: ImageSpec) -> list[bytes]:
    _check(tensor, ["N"], fits=math.prod(tensor.shape[1:]) == 1, spec=spec)
    read = bytes_from_binary if isinstance(tensor.data, bytes) else bytes_from_json
    return read(tensor.data, tensor.shape, name=tensor.name)


def _check(tensor: InputTensor, shape: list[object], *, fits: bool, spec: ImageSpec) -> None:
    most = max_batch_size(spec)
    if not fits or tensor.shape[0] > most:
        raise InvalidRequestError(
            f"input {tensor.name!r} of datatype {tensor.datatype} must have the shape "
            f"[{', '.join(map(str, shape))}] with N from 1 to {most}, got {list(tensor.shape)}"
        )
