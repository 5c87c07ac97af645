"""Is the process alive; can it serve."""

from bottle import Bottle, HTTPResponse

from edgecls import __version__
from edgecls.serving.answers import json_answer
from edgecls.serving.readiness import Readiness
from edgecls.serving.repository.repository import Repository

__all__ = ["mount_health"]


def mount_health(app: Bottle, repository: Repository, readiness: Readiness) -> None:
    """Add the questions of load balancers to an application."""

    def live() -> HTTPResponse:
        return json_answer({"live": True})

    def ready() -> HTTPResponse:
        readiness.check()
        classifier = repository.model().classifier
        facts = {
            "ready": True,
            "model": classifier.card.name,
            "labels": list(classifier.card.labels),
            "unknown_threshold": classifier.unknown_threshold,
            "provider": classifier.provider.value,
            "skipped": [str(skipped) for skipped in classifier.skipped],
            "version": __version__,
        }
        return json_answer(facts)

    app.route("/livez", "GET", live)
    app.route("/readyz", "GET", ready)
