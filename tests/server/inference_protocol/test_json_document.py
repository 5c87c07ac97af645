"""JSON in requests: objects within bounds."""

import pytest

from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference_request import MAX_JSON_BYTES, read_json_object


def test_an_object_is_read() -> None:
    assert read_json_object('{"id": "猫"}'.encode()) == {"id": "猫"}


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b"\xff{}", 400, "not valid JSON"),
        (b'{"a": NaN}', 400, "JSON has no NaN"),
        (b'{"a": -Infinity}', 400, "JSON has no -Infinity"),
        (b'{"a": ' + b"9" * 5000 + b"}", 400, "not valid JSON"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, "not valid JSON"),
        (b"[]", 400, "must be a JSON object, not a list"),
        (b"null", 400, "must be a JSON object, not a NoneType"),
        (b'{"a": "' + b" " * MAX_JSON_BYTES + b'"}', 413, "send large tensors as binary data"),
    ],
    ids=["empty", "cut-short", "no-utf8", "nan", "infinity", "long-number", "deep", "list", "null", "large"],
)
def test_anything_else_is_refused(text: bytes, status: int, message: str) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        read_json_object(text)
    assert caught.value.status == status
