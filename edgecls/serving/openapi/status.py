"""What the server is doing."""

from typing import Any

from edgecls.serving.openapi.operations import array, json_content, objects, operation

__all__ = ["PATHS", "SCHEMAS"]

_TEXT = {"type": "string"}
_STATUS = objects(
    {
        "version": _TEXT,
        "uptime_s": {"type": "number", "minimum": 0},
        "pictures_answered": {"type": "integer", "minimum": 0},
        "feedback": {
            "description": "How corrections are taken; null if they are not.",
            "anyOf": [{"type": "null"}, objects({"new_labels": {"type": "boolean"}})],
        },
        "models": {
            **array({"type": "object", "required": ["name", "state", "reason"]}),
            "description": "Each with its labels, precision, provider and what was skipped, once it is loaded.",
        },
    }
)

PATHS: dict[str, Any] = {
    "/status": {
        "get": operation(
            "Models, what they run on and why, pictures answered", group="health", success=json_content(_STATUS)
        )
    },
}

SCHEMAS: dict[str, Any] = {}
