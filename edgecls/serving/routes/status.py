"""What the server is doing, for its page and for people."""

import time
from typing import Any

from bottle import Bottle, HTTPResponse

from edgecls import __version__
from edgecls.serving.answers import json_answer
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.repository.repository import IndexEntry, Repository
from edgecls.serving.repository.served_model import ServedModel

__all__ = ["mount_status"]


def mount_status(app: Bottle, repository: Repository, feedback: FeedbackStore | None) -> None:
    """Add the status to an application; its uptime counts from now."""
    started_s = time.monotonic()

    def status() -> HTTPResponse:
        models = [_model_facts(entry, repository.serving(entry.name)) for entry in repository.index()]
        facts = {
            "version": __version__,
            "uptime_s": round(time.monotonic() - started_s, 1),
            "pictures_answered": repository.answered.total,
            "feedback": None if feedback is None else {"new_labels": feedback.takes_new_labels},
            "models": models,
        }
        return json_answer(facts)

    app.route("/status", "GET", status)


def _model_facts(entry: IndexEntry, model: ServedModel | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": entry.name, "state": entry.state.value, "reason": entry.reason}
    if model is None:
        return facts
    classifier = model.classifier
    card = classifier.card
    return facts | {
        "sha256": model.sha256,
        "labels": list(card.labels),
        "architecture": card.architecture,
        "precision": card.precision,
        "image": {"height": card.image.height, "width": card.image.width, "color": card.image.color.value},
        "unknown_threshold": classifier.unknown_threshold,
        "provider": classifier.provider.value,
        "skipped": [
            {"provider": skipped.provider.value, "reason": skipped.reason, "remedy": skipped.remedy}
            for skipped in classifier.skipped
        ],
    }
