"""What the server is doing, for its page and for people."""

import time

from bottle import Bottle, HTTPResponse

from edgecls import __version__
from edgecls.serving.answers import json_answer
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.repository.model_facts import facts_of_models
from edgecls.serving.repository.repository import Repository

__all__ = ["mount_status"]


def mount_status(app: Bottle, repository: Repository, feedback: FeedbackStore | None) -> None:
    """Add the status to an application; its uptime counts from now."""
    started_s = time.monotonic()

    def status() -> HTTPResponse:
        facts = {
            "version": __version__,
            "uptime_s": round(time.monotonic() - started_s, 1),
            "pictures_answered": repository.answered.total,
            "feedback": None if feedback is None else {"new_labels": feedback.takes_new_labels},
            "models": facts_of_models(repository),
        }
        return json_answer(facts)

    app.route("/status", "GET", status)
