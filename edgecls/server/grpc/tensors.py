"""Requests for inference and their answers as messages of protobuf."""

import math
import struct
import uuid
from typing import Any

import numpy as np
from google.protobuf.message import Message

from edgecls.server.grpc.messages import message_class
from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference_request import (
    MAX_DIMENSIONS,
    MAX_OUTPUTS,
    InferenceRequest,
    InputTensor,
    WantedOutput,
)
from edgecls.server.inference_protocol.model_outputs import OutputTensor
from edgecls.server.inference_protocol.tensors import InvalidRequestError, bytes_to_binary, float32_to_binary
from edgecls.server.models.served_model import VERSION

__all__ = ["read_infer_request", "write_infer_response"]

_LENGTH = struct.Struct("<I")
_CONTENTS = {"UINT8": "uint_contents", "BYTES": "bytes_contents"}
_SHARED_MEMORY = "shared_memory_region"


def read_infer_request(message: Any) -> InferenceRequest:
    """Return what a ModelInferRequest asks for.

    The input comes as raw bytes, as binary data does in HTTP, or in the field of contents for its datatype:
    `uint_contents` for UINT8, `bytes_contents` for BYTES.

    Raises:
        Refusal: It does not follow the protocol, or asks for shared memory.
    """
    if len(message.inputs) != 1:
        raise InvalidRequestError(f"the request must have exactly one input, got {len(message.inputs)}")
    if len(message.outputs) > MAX_OUTPUTS:
        raise InvalidRequestError(f"the request names {len(message.outputs)} outputs; name each wanted one once")
    return InferenceRequest(
        id=message.id or uuid.uuid4().hex,
        input=_read_input(message.inputs[0], message.raw_input_contents),
        outputs=tuple(_read_output(output) for output in message.outputs),
        binary=True,
    )


def _read_input(tensor: Any, raw: Any) -> InputTensor:
    name = tensor.name
    if _SHARED_MEMORY in tensor.parameters:
        raise Refusal(
            501, "Unsupported", f"input {name!r} is in shared memory, which is not supported; send its data instead"
        )
    shape = tuple(tensor.shape)
    if not 1 <= len(shape) <= MAX_DIMENSIONS or min(shape) < 1 or math.prod(shape) >= 2**40:
        raise InvalidRequestError(f"the shape of input {name!r} must be whole numbers of at least 1, got {shape}")
    filled = [field.name for field, _ in tensor.contents.ListFields()]
    if len(raw) + len(filled) != 1:
        raise InvalidRequestError(
            f"input {name!r} needs its data once, as raw_input_contents or in one field of its contents; "
            f"got {len(raw)} raw and {', '.join(filled) or 'no'} contents"
        )
    if raw:
        return InputTensor(name, tensor.datatype, shape, raw[0])
    expected = _CONTENTS.get(tensor.datatype, filled[0])
    if filled[0] != expected:
        raise InvalidRequestError(
            f"input {name!r} of datatype {tensor.datatype} must have its data in {expected}, got {filled[0]}"
        )
    values = getattr(tensor.contents, filled[0])
    return InputTensor(name, tensor.datatype, shape, _binary(tensor.datatype, values, name))


def _binary(datatype: str, values: Any, name: str) -> bytes:
    """Return typed contents as the raw bytes that stand for the same; of a datatype that no model takes, nothing."""
    if datatype == "BYTES":
        return b"".join(part for element in values for part in (_LENGTH.pack(len(element)), element))
    if datatype != "UINT8":
        return b""
    numbers = np.array(values, np.uint32)
    if numbers.max() > 255:
        raise InvalidRequestError(
            f"the data of input {name!r} must be whole numbers from 0 to 255, got {numbers.max()}; "
            "send pixels as they are, scaling is part of the model"
        )
    return numbers.astype(np.uint8).tobytes()


def _read_output(output: Any) -> WantedOutput:
    owner = f"output {output.name!r}"
    if _SHARED_MEMORY in output.parameters:
        raise Refusal(501, "Unsupported", f"{owner} is wanted in shared memory, which is not supported")
    if "classification" not in output.parameters:
        return WantedOutput(output.name, binary=True)
    parameter = output.parameters["classification"]
    kind = parameter.WhichOneof("parameter_choice")
    classes = getattr(parameter, kind) if kind in ("int64_param", "uint64_param") else 0
    if classes < 1:
        raise InvalidRequestError(f"the parameter classification of {owner} must be a whole number of at least 1")
    return WantedOutput(output.name, binary=True, classes=classes)


def write_infer_response(model_name: str, request: InferenceRequest, outputs: list[OutputTensor]) -> Message:
    """Return a ModelInferResponse. Its tensors are raw, as Triton and KServe send them."""
    response: Any = message_class("ModelInferResponse")(model_name=model_name, model_version=VERSION, id=request.id)
    for output in outputs:
        response.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        write = float32_to_binary if output.datatype == "FP32" else bytes_to_binary
        response.raw_output_contents.append(write(output.values))
    written: Message = response
    return written
