"""`POST /feedback`: corrections of users."""

from dataclasses import asdict
from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls.server.endpoints.answers import json_answer
from edgecls.server.endpoints.bodies import read_body
from edgecls.server.endpoints.operations import json_content, objects, operation, parameter
from edgecls.server.http.messages import Refusal
from edgecls.server.models.repository import Repository
from edgecls.server.storage.feedback_store import FeedbackStore
from edgecls.server.storage.taught_corrections import TaughtCorrections

__all__ = ["PATHS", "SCHEMAS", "mount_feedback"]

PATH = "/feedback"
DEFAULT_NAME = "body"


def mount_feedback(
    app: Bottle, repository: Repository, store: FeedbackStore | TaughtCorrections | None, *, max_body_bytes: int
) -> None:
    """Add the address for corrections to an application.

    Args:
        app: The application.
        repository: The models.
        store: Where corrections are kept; None to refuse them.
        max_body_bytes: Largest body of a request.
    """

    off = Refusal(404, "NotFound", "corrections are off; start the server with --feedback DIR or --teach DIR")

    def correct() -> HTTPResponse:
        if store is None:
            raise off
        label = request.query.getunicode("label")
        if not label:
            raise Refusal(400, "BadRequest", "say what the image shows, as in POST /feedback?label=rose")
        data = read_body(request.environ, max_bytes=max_body_bytes)
        name = request.query.getunicode("name") or DEFAULT_NAME
        model = repository.model(request.query.getunicode("model"))
        return json_answer(asdict(store.keep(data, label, name=name, model=model)))

    app.route(PATH, "POST", correct, computes=True, takes_body=store is not None, off=off)


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
            "Correct the label of an image",
            group="feedback",
            success=json_content(_CORRECTION),
            failures=(403, 404, 409, 415, 422, 507),
            parameters=[
                parameter("label", "query", "What the image shows.", _TEXT, required=True),
                parameter("name", "query", "What the image is called.", _TEXT, required=False),
                parameter("model", "query", "Name of the model; the first one without it.", _TEXT, required=False),
            ],
            body={
                "required": True,
                "description": "The bytes of the image.",
                "content": {"application/octet-stream": {}, "image/*": {}},
            },
        )
    },
}

SCHEMAS: dict[str, Any] = {}
