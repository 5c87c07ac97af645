"""`GET /openapi.json`: the OpenAPI document, put together from the parts that the endpoint modules state."""

from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls import __version__
from edgecls.server.endpoints import (
    feedback,
    health,
    inference,
    metrics,
    model_control,
    page,
    predict,
    status,
    teaching,
)
from edgecls.server.endpoints.answers import json_answer
from edgecls.server.endpoints.bodies import compress_answer
from edgecls.server.endpoints.operations import json_content, objects, operation

__all__ = ["mount_openapi", "openapi_document"]

_OWN_PATHS: dict[str, Any] = {
    "/openapi.json": {
        "get": operation("This document", group="health", success=json_content({"type": "object"})),
    }
}

_GROUPS = (page, health, status, metrics, predict, inference, feedback, model_control)  # each has PATHS and SCHEMAS

_ERROR = objects(
    {
        "error": objects(
            {
                "type": {"type": "string", "description": "Name of the type, for programs."},
                "message": {"type": "string", "description": "What happened, and what to do."},
            }
        )
    }
)


def openapi_document(prefix: str = "", *, teaches: bool = False) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all addresses.

    Args:
        prefix: The path below which the server is reached, without a slash at its end.
        teaches: Whether models are taught in the page.
    """
    groups = (*_GROUPS, *((teaching,) if teaches else ()))
    own = _OWN_PATHS | (page.TEACHING_PATHS if teaches else {})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgecls",
            "version": __version__,
            "description": "Classifies images. Failures have one shape, except under /v2, which has the protocol's.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/"}],
        "paths": {path: item for group in groups for path, item in group.PATHS.items()} | own,
        "components": {
            "schemas": {"Error": _ERROR, **{name: it for group in groups for name, it in group.SCHEMAS.items()}}
        },
    }


def mount_openapi(app: Bottle, *, teaches: bool = False) -> None:
    """Add the OpenAPI document to an application."""

    def document() -> HTTPResponse:
        prefix = request.environ.get("SCRIPT_NAME", "").rstrip("/")
        return compress_answer(
            json_answer(openapi_document(prefix, teaches=teaches)), request.get_header("Accept-Encoding", "")
        )

    app.route("/openapi.json", "GET", document)
