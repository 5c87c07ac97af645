"""What the server is doing, for its page and for people."""

import time
from collections.abc import Callable

from bottle import Bottle, HTTPResponse

from edgecls import __version__
from edgecls.serving.answers import json_answer
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.metrics.families import PREDICTIONS
from edgecls.serving.metrics.numbers import summed
from edgecls.serving.repository.model_facts import facts_of_models
from edgecls.serving.repository.repository import Repository
from edgecls.serving.workers.board import Gathered

__all__ = ["mount_status"]


def mount_status(
    app: Bottle, repository: Repository, feedback: FeedbackStore | None, gather: Callable[[], Gathered]
) -> None:
    """Add the status to an application; its uptime counts from now.

    Args:
        app: The application.
        repository: The models.
        feedback: Where corrections are kept; None if they are not.
        gather: Returns what all processes of the server have counted.
    """
    started_s = time.monotonic()

    def status() -> HTTPResponse:
        facts = {
            "version": __version__,
            "uptime_s": round(time.monotonic() - started_s, 1),
            "pictures_answered": _pictures(gather()),
            "feedback": None if feedback is None else {"new_labels": feedback.takes_new_labels},
            "models": facts_of_models(repository),
        }
        return json_answer(facts)

    app.route("/status", "GET", status)


def _pictures(gathered: Gathered) -> int:
    by_answer = summed(gathered.snapshots).get(PREDICTIONS.name, {})
    return int(sum(count for (count,) in by_answer.values()))
