"""What a client sends: its input, and the outputs it wants."""

import json
import math
import re
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from edgecls.errors import ImageDecodeError
from edgecls.image_formats import read_header
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import INPUT_NAME
from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.tensors import InvalidRequestError

__all__ = [
    "MAX_DIMENSIONS",
    "MAX_JSON_BYTES",
    "MAX_OUTPUTS",
    "InferenceRequest",
    "InputTensor",
    "WantedOutput",
    "read_json_object",
    "read_raw_request",
    "read_request",
]

MAX_JSON_BYTES = 8 * 2**20  # Python's lists and numbers take up to 30 times the memory of their text


def read_json_object(text: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        text: UTF-8.

    Raises:
        Refusal: It is larger than MAX_JSON_BYTES (413), or no JSON object (400).
    """
    if len(text) > MAX_JSON_BYTES:
        raise Refusal(
            413,
            "BodyTooLarge",
            f"the JSON is larger than {MAX_JSON_BYTES // 2**20} MiB; send large tensors as binary data",
        )
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"the request is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequestError(f"the request must be a JSON object, not a {type(document).__name__}")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"JSON has no {name}")


MAX_DIMENSIONS = 8
MAX_OUTPUTS = 16


@dataclass(frozen=True)
class InputTensor:
    """An input as it was sent.

    Attributes:
        name: Of the input.
        datatype: As in "UINT8".
        shape: Number of elements along each dimension, at least 1.
        data: Bytes if it came as binary data, otherwise what JSON had.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any


@dataclass(frozen=True)
class WantedOutput:
    """An output as it is to be sent.

    Attributes:
        name: Of the output.
        binary: Whether as binary data, otherwise as JSON.
        classes: Number of best classes that are sent instead of the numbers; None for the numbers.
    """

    name: str
    binary: bool = False
    classes: int | None = None


@dataclass(frozen=True)
class InferenceRequest:
    """A request for inference.

    Attributes:
        id: From the client, or made here.
        input: The only one.
        outputs: Those wanted; empty for all.
        binary: Whether outputs that are not named are sent as binary data.
    """

    id: str
    input: InputTensor
    outputs: tuple[WantedOutput, ...] = ()
    binary: bool = False


def read_request(body: bytes, header_length: str | None) -> InferenceRequest:
    """Read a request that has a JSON part; in one without (a length of 0), the body is the input.

    Args:
        body: JSON, followed by the binary data.
        header_length: Length of the JSON in bytes, as the header field Inference-Header-Content-Length has it;
            None where all of the body is JSON.

    Raises:
        Refusal: It does not follow the protocol (400), is too large (413) or needs shared memory (501).
    """
    length = _header_length(header_length, len(body))
    document = read_json_object(body if length == len(body) else body[:length])
    parameters = _parameters(document, "the request")
    binary = _flag(parameters, "binary_data_output", default=False, owner="the request")
    identity = document.get("id", "")
    if not isinstance(identity, str):
        raise InvalidRequestError(f"the id must be a text, got {type(identity).__name__}")
    return InferenceRequest(
        id=identity or uuid.uuid4().hex,
        input=_read_input(document, body[length:]),
        outputs=_read_outputs(document, binary),
        binary=binary,
    )


def _header_length(text: str | None, body_length: int) -> int:
    if text is None:
        return body_length
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) > body_length:
        raise InvalidRequestError(
            f"Inference-Header-Content-Length must be a number up to the {body_length} bytes of the body, "
            f"got {text[:20]!r}"
        )
    return int(text)


def _read_input(document: dict[str, Any], binary: bytes) -> InputTensor:
    tensor = _only(document.get("inputs"))
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    if not isinstance(name, str) or not isinstance(datatype, str):
        raise InvalidRequestError("the input needs a name and a datatype, both texts")
    parameters = _parameters(tensor, f"input {name!r}")
    if "shared_memory_region" in parameters:
        raise Refusal(
            501, "Unsupported", f"input {name!r} is in shared memory, which is not supported; send its data instead"
        )
    size = parameters.get("binary_data_size", 0 if "data" in tensor else None)
    if type(size) is not int or size != len(binary) or ("data" in tensor) == bool(binary):
        raise InvalidRequestError(
            f"input {name!r} needs either data in JSON, or binary data behind the JSON with its length as the "
            f"parameter binary_data_size (got {size!r}, {len(binary)} bytes are there)"
        )
    return InputTensor(name, datatype, _shape(shape, name), tensor.get("data", binary))


def _only(inputs: Any) -> dict[str, Any]:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidRequestError("inputs must be a list of exactly one input, an object")
    tensor: dict[str, Any] = inputs[0]
    return tensor


def _shape(shape: Any, name: str) -> tuple[int, ...]:
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= MAX_DIMENSIONS
        or not all(type(size) is int and size >= 1 for size in shape)
        or math.prod(shape) >= 2**40
    ):
        raise InvalidRequestError(f"the shape of input {name!r} must be a list of whole numbers of at least 1")
    return tuple(shape)


def _read_outputs(document: dict[str, Any], binary: bool) -> tuple[WantedOutput, ...]:
    outputs = document.get("outputs", [])
    if not isinstance(outputs, list) or len(outputs) > MAX_OUTPUTS:
        raise InvalidRequestError("outputs must be a list of the outputs wanted")
    return tuple(_read_output(output, binary) for output in outputs)


def _read_output(output: Any, binary: bool) -> WantedOutput:
    name = output.get("name") if isinstance(output, dict) else None
    if not isinstance(name, str):
        raise InvalidRequestError("every output wanted must be an object with a name, a text")
    owner = f"output {name!r}"
    parameters = _parameters(output, owner)
    if "shared_memory_region" in parameters:
        raise Refusal(501, "Unsupported", f"{owner} is wanted in shared memory, which is not supported")
    classes = parameters.get("classification")
    if classes is not None and (type(classes) is not int or classes < 1):
        raise InvalidRequestError(f"the parameter classification of {owner} must be a whole number of at least 1")
    return WantedOutput(name, _flag(parameters, "binary_data", default=binary, owner=owner), classes)


def _parameters(holder: dict[str, Any], owner: str) -> dict[str, Any]:
    parameters = holder.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidRequestError(f"the parameters of {owner} must be an object")
    return parameters


def _flag(parameters: dict[str, Any], name: str, *, default: bool, owner: str) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidRequestError(f"the parameter {name} of {owner} must be true or false")
    return value


def read_raw_request(body: bytes, spec: ImageSpec) -> InferenceRequest:
    """Take a body for an input: one encoded image, or the pixels of images at the model's size.

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
