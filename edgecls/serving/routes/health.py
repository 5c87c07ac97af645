"""Is the process alive; can it serve."""

from bottle import Bottle, HTTPResponse, request

from edgecls import __version__
from edgecls.serving.answers import json_answer
from edgecls.serving.api_keys import ApiKeys
from edgecls.serving.readiness import Readiness
from edgecls.serving.repository.repository import Repository

__all__ = ["mount_health"]


def mount_health(app: Bottle, repository: Repository, readiness: Readiness, keys: ApiKeys | None) -> None:
    """Add the questions of load balancers to an application.

    Args:
        app: The application.
        repository: The models.
        readiness: Whether the server can serve.
        keys: What a request needs one of to be told more than that; None where all may know.
    """

    def live() -> HTTPResponse:
        return json_answer({"live": True})

    def ready() -> HTTPResponse:
        readiness.check()
        if keys is not None:
            given = (request.get_header(name, "") for name in ("Authorization", "X-API-Key"))
            if keys.name_of_fields(*given) is None:
                return json_answer({"ready": True})
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
