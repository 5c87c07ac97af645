"""Requests without JSON: the whole body is the only input, and the answer is binary."""

import math
import uuid

from edgecls.errors import ImageDecodeError
from edgecls.image_formats import read_header
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import INPUT_NAME
from edgecls.serving.inference_protocol.inference_request import InferenceRequest, InputTensor
from edgecls.serving.inference_protocol.invalid import InvalidRequestError

__all__ = ["read_raw_request"]


def read_raw_request(body: bytes, spec: ImageSpec) -> InferenceRequest:
    """Take a body for an input: one encoded picture, or the pixels of pictures at the model's size.

    Raises:
        InvalidRequestError: It is neither.
    """
    try:
        read_header(body, name=INPUT_NAME)
    except ImageDecodeError as error:
        size = math.prod(spec.shape_hwc)
        if not body or len(body) % size:
            raise InvalidRequestError(f"{error}; or pixels, whose bytes must be a multiple of {size}") from error
        tensor = InputTensor(INPUT_NAME, "UINT8", (len(body) // size, *spec.shape_hwc), body)
    else:
        tensor = InputTensor(INPUT_NAME, "BYTES", (1,), len(body).to_bytes(4, "little") + body)
    return InferenceRequest(uuid.uuid4().hex, tensor, binary=True)
