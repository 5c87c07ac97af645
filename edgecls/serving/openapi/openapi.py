"""This document."""

from typing import Any

from edgecls.serving.openapi.operations import json_content, operation

__all__ = ["PATHS", "SCHEMAS"]

PATHS: dict[str, Any] = {
    "/openapi.json": {
        "get": operation("This document", group="health", success=json_content({"type": "object"})),
    }
}

SCHEMAS: dict[str, Any] = {}
