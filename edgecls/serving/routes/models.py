"""Which models there are."""

from typing import Any

from bottle import Bottle, HTTPResponse

from edgecls.serving.answers import json_answer
from edgecls.serving.repository.repository import IndexEntry, Repository
from edgecls.serving.repository.served_model import ServedModel

__all__ = ["mount_models"]


def mount_models(app: Bottle, repository: Repository) -> None:
    """Add the list of models to an application."""

    def index() -> HTTPResponse:
        return json_answer({"models": [_facts(entry, repository.serving(entry.name)) for entry in repository.index()]})

    app.route("/models", "GET", index)


def _facts(entry: IndexEntry, served: ServedModel | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": entry.name, "state": entry.state.value, "reason": entry.reason}
    if served is None:
        return facts
    card, classifier = served.classifier.card, served.classifier
    return facts | {
        "title": card.name,
        "sha256": served.sha256,
        "labels": list(card.labels),
        "architecture": card.architecture,
        "precision": card.precision,
        "unknown_threshold": classifier.unknown_threshold,
        "provider": classifier.provider.value,
        "skipped": [str(skipped) for skipped in classifier.skipped],
    }
