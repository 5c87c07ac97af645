"""JSON documents in requests."""

import json
from typing import Any, NoReturn

from edgecls.serving.http.answer import Refusal
from edgecls.serving.inference_protocol.invalid import InvalidRequestError

__all__ = ["MAX_JSON_BYTES", "read_json_object"]

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
