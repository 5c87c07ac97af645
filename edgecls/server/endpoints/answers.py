"""Answers of the server: one shape for success, one for every failure; the one place where errors get a status."""

import json
from typing import Any

from bottle import HTTPResponse

from edgecls.errors import (
    EdgeclsError,
    ImageDecodeError,
    ImageReadError,
    ImageTooLargeError,
    SignatureError,
    UnsupportedImageError,
)
from edgecls.server.http.messages import Refusal
from edgecls.server.models.repository import NotReadyError, UnknownModelError
from edgecls.server.storage.feedback_store import BadLabelError, FeedbackBusyError, FeedbackFullError
from edgecls.teaching.bounds import (
    NotTaughtError,
    TaughtLabelError,
    TeachingConflictError,
    TeachingFullError,
    TeachingLimitError,
)

__all__ = ["data_answer", "error_body", "failure", "json_answer", "refusal_of", "text_answer"]

_REFUSALS: tuple[tuple[type[EdgeclsError], int, str], ...] = (
    # The first class that fits decides, so the special ones stand before the general. A kind that is empty is the
    # name of the error's own type.
    (UnknownModelError, 404, "NotFound"),
    (NotReadyError, 503, "NotReady"),
    (BadLabelError, 422, "BadLabel"),
    (FeedbackFullError, 507, "FeedbackFull"),
    (FeedbackBusyError, 503, "Busy"),
    (NotTaughtError, 404, "NotFound"),
    (TaughtLabelError, 422, "BadLabel"),
    (TeachingConflictError, 409, "Conflict"),
    (TeachingLimitError, 413, "TeachingLimit"),
    (TeachingFullError, 507, "TeachingFull"),
    (ImageTooLargeError, 413, ""),
    (UnsupportedImageError, 415, ""),
    (ImageDecodeError, 422, ""),
    (ImageReadError, 404, ""),
    (SignatureError, 409, ""),
    (EdgeclsError, 500, ""),
)
V2_PREFIX = "/v2"  # the addresses of the Open Inference Protocol, which has its own shape for errors

_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def json_answer(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a JSON response; text in any script is sent as UTF-8."""
    text = _to_json(document) + "\n"
    # A label or file name that is not valid Unicode must not turn the answer into a failure.
    return data_answer(text.encode("utf-8", "replace"), "application/json", status=status, headers=headers)


def text_answer(text: str) -> HTTPResponse:
    """Return a line of plain text."""
    return data_answer((text + "\n").encode("utf-8", "replace"), "text/plain; charset=utf-8")


def failure(error: Refusal | EdgeclsError, path: str) -> HTTPResponse:
    """Return the response for an error, with its status and in the shape of errors at this address."""
    refusal = error if isinstance(error, Refusal) else refusal_of(error)
    return json_answer(_error_document(refusal, path), status=refusal.status, headers=refusal.headers)


def refusal_of(error: EdgeclsError) -> Refusal:
    """Return the refusal that clients get for an error of edgecls."""
    status, kind = next((status, kind) for type_, status, kind in _REFUSALS if isinstance(error, type_))
    retry_s = getattr(error, "retry_s", None)
    headers = {} if retry_s is None else {"Retry-After": str(retry_s)}
    return Refusal(status, kind or type(error).__name__, str(error), **headers)


def error_body(refusal: Refusal, path: str) -> bytes:
    """Return the body of a refusal in the shape of errors at this address."""
    return (_to_json(_error_document(refusal, path)) + "\n").encode("utf-8", "replace")


def _error_document(refusal: Refusal, path: str) -> dict[str, object]:
    if path == V2_PREFIX or path.startswith(V2_PREFIX + "/"):
        return {"error": str(refusal)}
    return {"error": {"type": refusal.kind, "message": str(refusal)}}


def data_answer(
    body: bytes, content_type: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> HTTPResponse:
    """Return a response with a body as it is; it is not to be stored by anyone on the way."""
    response = HTTPResponse(body, status=status, **(headers or {}))
    response.set_header("Content-Type", content_type)
    response.set_header("Cache-Control", "no-store")
    return response
