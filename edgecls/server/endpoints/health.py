"""`GET /livez` and `GET /readyz`: is the process alive, and can it serve?"""

from typing import Any

from bottle import Bottle, HTTPResponse, request

from edgecls import __version__
from edgecls.server.endpoints.answers import json_answer
from edgecls.server.endpoints.operations import array, json_content, objects, operation
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.models.repository import Readiness, Repository

__all__ = ["PATHS", "SCHEMAS", "mount_health"]


def mount_health(app: Bottle, repository: Repository, readiness: Readiness, keys: ApiKeys | None) -> None:
    """Add the health checks for load balancers to an application.

    Args:
        app: The application.
        repository: The models.
        readiness: Whether the server can serve.
        keys: A request needs one of these to get more than that; None if everyone gets it.
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
            "min_familiarity": classifier.min_familiarity,
            "provider": classifier.provider.value,
            "skipped": [str(skipped) for skipped in classifier.skipped],
            "version": __version__,
        }
        return json_answer(facts)

    app.route("/livez", "GET", live)
    app.route("/readyz", "GET", ready)


_READY = objects(
    {
        "ready": {"const": True},
        "model": {"type": "string"},
        "labels": array({"type": "string"}),
        "unknown_threshold": {"type": ["number", "null"]},
        "min_familiarity": {"type": ["number", "null"]},
        "provider": {"type": "string"},
        "skipped": array({"type": "string"}),
        "version": {"type": "string"},
    },
    optional=("model", "labels", "unknown_threshold", "min_familiarity", "provider", "skipped", "version"),
)

PATHS: dict[str, Any] = {
    "/livez": {
        "get": operation(
            "Is the process alive?", group="health", success=json_content(objects({"live": {"const": True}}))
        )
    },
    "/readyz": {
        "get": operation(
            "Are all models loaded and verified? Describes the default model (with a key, where one is needed).",
            group="health",
            success=json_content(_READY),
        )
    },
}

SCHEMAS: dict[str, Any] = {}
