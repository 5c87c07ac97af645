"""The document, put together."""

from typing import Any

from edgecls import __version__
from edgecls.serving.openapi import feedback, health, inference, model_control, openapi, page, predict, status
from edgecls.serving.openapi.operations import objects

__all__ = ["openapi_document"]

# A new group of routes gives its part in a file beside this one, and is named here.
_GROUPS = (page, health, status, openapi, predict, inference, feedback, model_control)

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


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all addresses."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgecls",
            "version": __version__,
            "description": "Classifies pictures. Every failure has one shape, but for /v2, which has the protocol's.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {path: item for group in _GROUPS for path, item in group.PATHS.items()},
        "components": {
            "schemas": {"Error": _ERROR, **{name: it for group in _GROUPS for name, it in group.SCHEMAS.items()}}
        },
    }
