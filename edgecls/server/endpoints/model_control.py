"""The repository of the Open Inference Protocol: which models there are; loading and unloading them."""

from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls.server.endpoints.answers import json_answer
from edgecls.server.endpoints.bodies import read_body_if_any
from edgecls.server.endpoints.inference import MODEL_NAME, protocol_operation
from edgecls.server.endpoints.operations import array, json_content, objects, ref
from edgecls.server.http.messages import Refusal
from edgecls.server.inference_protocol.inference_request import MAX_JSON_BYTES, read_json_object
from edgecls.server.inference_protocol.tensors import InvalidRequestError
from edgecls.server.models.repository import IndexEntry, ModelState, Repository
from edgecls.server.models.served_model import VERSION

__all__ = ["PATHS", "SCHEMAS", "mount_model_control"]


def mount_model_control(app: Bottle, repository: Repository, *, allowed: bool) -> None:
    """Add the routes of the repository to an application.

    Args:
        app: The application.
        repository: The models.
        allowed: Whether clients may load and unload models.
    """

    def index() -> HTTPResponse:
        only_ready = _document().get("ready", False)
        if not isinstance(only_ready, bool):
            raise InvalidRequestError("ready must be true, for only the models that are, or false")
        entries = [entry for entry in repository.index() if entry.state is ModelState.READY or not only_ready]
        return json_answer([_entry(entry) for entry in entries])

    def load(name: str) -> HTTPResponse:
        _check_allowed()
        if _document().get("parameters"):
            raise InvalidRequestError("load takes no parameters: put the model file in its place, then load it")
        repository.load(name)
        return json_answer({})

    def unload(name: str) -> HTTPResponse:
        _check_allowed()
        repository.unload(name)
        return json_answer({})

    off = Refusal(403, "Forbidden", "loading and unloading models is off; start the server with --allow-model-control")

    def _check_allowed() -> None:
        if not allowed:
            raise off

    app.route("/v2/repository/index", "POST", index, takes_body=True, reads_only=True)
    app.route("/v2/repository/models/<name>/load", "POST", load, computes=True, takes_body=allowed, off=off)
    app.route("/v2/repository/models/<name>/unload", "POST", unload, takes_body=allowed, off=off)


def _entry(entry: IndexEntry) -> dict[str, str]:
    return {"name": entry.name, "version": VERSION, "state": entry.state.value, "reason": entry.reason}


def _document() -> dict[str, object]:
    """Return the body of the request, which may be left out."""
    body = read_body_if_any(request.environ, max_bytes=MAX_JSON_BYTES)
    return read_json_object(body) if body.strip() else {}


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

_ONLY_READY = {"ready": {"type": "boolean", "description": "Leave out models that are not ready."}}


def _body(properties: dict[str, Any]) -> dict[str, Any]:
    return {"required": False, "content": json_content(objects(properties, optional=properties))}


def _control(summary: str, *failures: int) -> dict[str, Any]:
    return protocol_operation(
        summary, {"type": "object"}, failures=(403, 404, *failures, 415), parameters=[MODEL_NAME], body=_body({})
    )


PATHS: dict[str, Any] = {
    "/v2/repository/index": {
        "post": protocol_operation(
            "The models that the server knows", array(ref("IndexEntry")), failures=(415,), body=_body(_ONLY_READY)
        )
    },
    "/v2/repository/models/{name}/load": {"post": _control("Load a model, or load it again", 409)},
    "/v2/repository/models/{name}/unload": {"post": _control("Serve a model no more")},
}
