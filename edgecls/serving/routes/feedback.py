"""Corrections in."""

from dataclasses import asdict

from bottle import Bottle, HTTPResponse, request

from edgecls.serving.answers import json_answer
from edgecls.serving.bodies import read_body
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.http.answer import Refusal
from edgecls.serving.repository.repository import Repository

__all__ = ["mount_feedback"]

PATH = "/feedback"
DEFAULT_NAME = "body"


def mount_feedback(app: Bottle, repository: Repository, store: FeedbackStore | None, *, max_body_bytes: int) -> None:
    """Add the address for corrections to an application.

    Args:
        app: The application.
        repository: The models.
        store: Where corrections are kept; None to refuse them.
        max_body_bytes: Largest body of a request.
    """

    off = Refusal(404, "NotFound", "corrections are off; start the server with --feedback DIR")

    def correct() -> HTTPResponse:
        if store is None:
            raise off
        _refuse_other_sites()
        label = request.query.getunicode("label")
        if not label:
            raise Refusal(400, "BadRequest", "say what the picture shows, as in POST /feedback?label=rose")
        data = read_body(request.environ, max_bytes=max_body_bytes)
        name = request.query.getunicode("name") or DEFAULT_NAME
        model = repository.model(request.query.getunicode("model"))
        return json_answer(asdict(store.keep(data, label, name=name, model=model)))

    app.route(PATH, "POST", correct, computes=True, takes_body=store is not None, off=off)


def _refuse_other_sites() -> None:
    """Refuse what a browser sends for a page of somebody else, who could spoil the next training with it."""
    if request.get_header("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise Refusal(403, "CrossSite", "corrections are taken from the server's own page only, not from other sites")
