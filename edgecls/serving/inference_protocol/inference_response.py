"""The body of an answer to a request for inference."""

import json
from dataclasses import dataclass
from typing import Any

from edgecls.serving.inference_protocol.binary_data import bytes_to_binary, float32_to_binary
from edgecls.serving.inference_protocol.model_outputs import OutputTensor

__all__ = ["ResponseBody", "write_response"]


@dataclass(frozen=True)
class ResponseBody:
    """A body as it is sent.

    Attributes:
        data: JSON, followed by the binary data if there is any.
        json_length: Bytes of the JSON; None where all of it is JSON.
    """

    data: bytes
    json_length: int | None


def write_response(facts: dict[str, str], outputs: list[OutputTensor]) -> ResponseBody:
    """Write an answer.

    Args:
        facts: Model name and version, and the id of the request.
        outputs: In the order in which they are sent.
    """
    pieces: list[bytes] = []
    tensors: list[dict[str, Any]] = []
    for output in outputs:
        tensor: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": list(output.shape)}
        if output.binary:
            pieces.append(_binary(output))
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = output.values.ravel().tolist() if output.datatype == "FP32" else output.values
        tensors.append(tensor)
    header = json.dumps({**facts, "outputs": tensors}, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return ResponseBody(b"".join((header, *pieces)), len(header) if pieces else None)


def _binary(output: OutputTensor) -> bytes:
    return float32_to_binary(output.values) if output.datatype == "FP32" else bytes_to_binary(output.values)
