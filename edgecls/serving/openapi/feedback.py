"""Corrections in."""

from typing import Any

from edgecls.serving.openapi.operations import json_content, objects, operation, parameter

__all__ = ["PATHS", "SCHEMAS"]

_TEXT = {"type": "string"}
_CORRECTION = objects(
    {
        **dict.fromkeys(("sha256", "file", "label", "predicted"), _TEXT),
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        **dict.fromkeys(("model", "model_sha256", "name", "time"), _TEXT),
    }
)

PATHS: dict[str, Any] = {
    "/feedback": {
        "post": operation(
            "Say what a picture shows where the answer was wrong",
            group="feedback",
            success=json_content(_CORRECTION),
            failures=(403, 404, 415, 422, 507),
            parameters=[
                parameter("label", "query", "What the picture shows.", _TEXT, required=True),
                parameter("name", "query", "What the picture is called.", _TEXT, required=False),
                parameter("model", "query", "Name of the model; the first one without it.", _TEXT, required=False),
            ],
            body={
                "required": True,
                "description": "The bytes of the picture.",
                "content": {"application/octet-stream": {}, "image/*": {}},
            },
        )
    },
}

SCHEMAS: dict[str, Any] = {}
