"""The repository of the Open Inference Protocol: which models there are; loading and unloading them."""

from bottle import Bottle, HTTPResponse, request

from edgecls.serving.answers import json_answer
from edgecls.serving.bodies import read_body_if_any
from edgecls.serving.http.answer import Refusal
from edgecls.serving.inference_protocol.invalid import InvalidRequestError
from edgecls.serving.inference_protocol.json_document import MAX_JSON_BYTES, read_json_object
from edgecls.serving.repository.repository import IndexEntry, ModelState, Repository
from edgecls.serving.repository.served_model import VERSION

__all__ = ["mount_model_control"]


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

    app.route("/v2/repository/index", "POST", index, takes_body=True)
    app.route("/v2/repository/models/<name>/load", "POST", load, computes=True, takes_body=allowed, off=off)
    app.route("/v2/repository/models/<name>/unload", "POST", unload, takes_body=allowed, off=off)


def _entry(entry: IndexEntry) -> dict[str, str]:
    return {"name": entry.name, "version": VERSION, "state": entry.state.value, "reason": entry.reason}


def _document() -> dict[str, object]:
    """Return the body of the request, which may be left out."""
    body = read_body_if_any(request.environ, max_bytes=MAX_JSON_BYTES)
    return read_json_object(body) if body.strip() else {}
