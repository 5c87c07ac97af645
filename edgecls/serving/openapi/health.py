"""Is the process alive; can it serve."""

from typing import Any

from edgecls.serving.openapi.operations import array, json_content, objects, operation

__all__ = ["PATHS", "SCHEMAS"]

_READY = objects(
    {
        "ready": {"const": True},
        "model": {"type": "string"},
        "labels": array({"type": "string"}),
        "unknown_threshold": {"type": ["number", "null"]},
        "provider": {"type": "string"},
        "skipped": array({"type": "string"}),
        "version": {"type": "string"},
    },
    optional=("model", "labels", "unknown_threshold", "provider", "skipped", "version"),
)

PATHS: dict[str, Any] = {
    "/livez": {
        "get": operation(
            "Is the process alive?", group="health", success=json_content(objects({"live": {"const": True}}))
        )
    },
    "/readyz": {
        "get": operation(
            "Are all models loaded and proved? Says which comes first, where keys are needed to those who have one.",
            group="health",
            success=json_content(_READY),
        )
    },
}

SCHEMAS: dict[str, Any] = {}
