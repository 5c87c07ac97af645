"""Which models there are."""

from typing import Any

from edgecls.serving.openapi.operations import array, json_content, objects, operation, ref

__all__ = ["PATHS", "SCHEMAS"]

SCHEMAS: dict[str, Any] = {
    "Models": {
        **array({"type": "object", "required": ["name", "state", "reason"]}),
        "description": "Each with its labels, precision, provider and what was skipped, once it is loaded.",
    }
}

PATHS: dict[str, Any] = {
    "/models": {
        "get": operation(
            "The models that requests may name",
            group="health",
            success=json_content(objects({"models": ref("Models")})),
        )
    },
}
