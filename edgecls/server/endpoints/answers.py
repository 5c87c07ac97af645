"""Answers of the server: one shape for success, one for every failure."""

import json
from typing import Any

from bottle import HTTPResponse

from edgecls.errors import (
    EdgeclsError,
    ImageDecodeError,
    ImageReadError,
    ImageTooLargeError,
    UnsupportedImageError,
)
from edgecls.server.http.messages import Refusal, error_document

__all__ = ["data_answer", "failure", "json_answer", "status_of", "text_answer"]

_STATUS = (
    # The first class that fits decides, so the special ones stand before the general.
    (ImageTooLargeError, 413),
    (UnsupportedImageError, 415),
    (ImageDecodeError, 422),
    (ImageReadError, 404),
    (EdgeclsError, 500),
)


_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def json_answer(document: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """Return a JSON response; text in any script is sent as UTF-8."""
    text = _to_json(document) + "\n"
    # A label or file name that is not valid Unicode must not turn the answer into a failure.
    return data_answer(text.encode("utf-8", "replace"), "application/json", status=status, headers=headers)


def text_answer(text: str) -> HTTPResponse:
    """Return a line of plain text."""
    return data_answer((text + "\n").encode("utf-8", "replace"), "text/plain; charset=utf-8")


def failure(error: Exception, path: str) -> HTTPResponse:
    """Return the response for an error, with its status and in the shape that holds at this address."""
    if isinstance(error, Refusal):
        document = error_document(error.kind, str(error), path)
        return json_answer(document, status=error.status, headers=error.headers)
    if isinstance(error, EdgeclsError):
        return json_answer(error_document(type(error).__name__, str(error), path), status=status_of(error))
    raise error


def status_of(error: EdgeclsError) -> int:
    """Return the HTTP status of an error of edgecls."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def data_answer(
    body: bytes, content_type: str, *, status: int = 200, headers: dict[str, str] | None = None
) -> HTTPResponse:
    """Return a response with a body as it is; it is not to be stored by anyone on the way."""
    response = HTTPResponse(body, status=status, **(headers or {}))
    response.set_header("Content-Type", content_type)
    response.set_header("Cache-Control", "no-store")
    return response
