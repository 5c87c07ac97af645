"""The repository of the Open Inference Protocol."""

from typing import Any

from edgecls.serving.openapi.inference import MODEL_NAME, protocol_operation
from edgecls.serving.openapi.operations import array, json_content, objects, ref

__all__ = ["PATHS", "SCHEMAS"]

SCHEMAS: dict[str, Any] = {
    "IndexEntry": objects(
        {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "state": {"enum": ["LOADING", "READY", "UNAVAILABLE"]},
            "reason": {"type": "string", "description": "Why it is not ready; empty if it is."},
        }
    )
}

_ONLY_READY = {"ready": {"type": "boolean", "description": "Leave out what is not ready."}}


def _body(properties: dict[str, Any]) -> dict[str, Any]:
    return {"required": False, "content": json_content(objects(properties, optional=properties))}


def _control(summary: str) -> dict[str, Any]:
    return protocol_operation(
        summary, {"type": "object"}, failures=(403, 404, 415), parameters=[MODEL_NAME], body=_body({})
    )


PATHS: dict[str, Any] = {
    "/v2/repository/index": {
        "post": protocol_operation(
            "The models that the server knows", array(ref("IndexEntry")), failures=(415,), body=_body(_ONLY_READY)
        )
    },
    "/v2/repository/models/{name}/load": {"post": _control("Load a model, or load it again")},
    "/v2/repository/models/{name}/unload": {"post": _control("Serve a model no more")},
}
