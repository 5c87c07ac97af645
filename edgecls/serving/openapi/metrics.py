"""What Prometheus reads."""

from typing import Any

from edgecls.serving.openapi.operations import operation

__all__ = ["PATHS", "SCHEMAS"]

_TEXT = {"schema": {"type": "string"}}

PATHS: dict[str, Any] = {
    "/metrics": {
        "get": operation(
            "Metrics for Prometheus",
            group="health",
            success={"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
        )
    },
}

SCHEMAS: dict[str, Any] = {}
