"""`GET /models` and `GET /status`: the models, and what the server is doing."""

import time
from collections.abc import Callable
from typing import Any

from bottle import Bottle, HTTPResponse

from edgecls import __version__
from edgecls.server.endpoints.answers import json_answer
from edgecls.server.endpoints.operations import array, json_content, objects, operation, ref
from edgecls.server.metrics.counters import PREDICTIONS, summed
from edgecls.server.metrics.drift import HOURS, drift_of
from edgecls.server.models.repository import Repository, facts_of_models
from edgecls.server.storage.feedback_store import FeedbackStore
from edgecls.server.storage.taught_corrections import TaughtCorrections
from edgecls.server.workers.board import Gathered

__all__ = ["PATHS", "SCHEMAS", "mount_models", "mount_status"]


def mount_models(app: Bottle, repository: Repository) -> None:
    """Add the list of models to an application."""
    app.route("/models", "GET", lambda: json_answer({"models": facts_of_models(repository)}))


def mount_status(
    app: Bottle,
    repository: Repository,
    feedback: FeedbackStore | TaughtCorrections | None,
    gather: Callable[[], Gathered],
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
        gathered = gather()
        facts = {
            "version": __version__,
            "uptime_s": round(time.monotonic() - started_s, 1),
            "images_answered": _images(gathered),
            "feedback": None if feedback is None else {"new_labels": feedback.takes_new_labels},
            "models": facts_of_models(repository),
            "drift": _drift(repository, gathered),
        }
        if isinstance(feedback, TaughtCorrections):
            facts["teach"] = True
        return json_answer(facts)

    app.route("/status", "GET", status)


def _images(gathered: Gathered) -> int:
    by_answer = summed(gathered.snapshots).get(PREDICTIONS.name, {})
    return int(sum(count for (count,) in by_answer.values()))


def _drift(repository: Repository, gathered: Gathered) -> dict[str, Any]:
    """Return how the latest images compare with the held-out ones, of each model that can tell."""
    served = [found for entry in repository.index() if (found := repository.serving(entry.name)) is not None]
    drifts = {model.name: drift_of(model, gathered.snapshots) for model in served}
    return {name: {"hours": HOURS, **drift.as_dict()} for name, drift in drifts.items() if drift is not None}


_TEXT = {"type": "string"}
_STATUS = objects(
    {
        "version": _TEXT,
        "uptime_s": {"type": "number", "minimum": 0},
        "images_answered": {"type": "integer", "minimum": 0},
        "feedback": {
            "description": "How corrections are taken; null if they are not.",
            "anyOf": [{"type": "null"}, objects({"new_labels": {"type": "boolean"}})],
        },
        "models": ref("Models"),
        "teach": {"const": True, "description": "Models are taught in the page; left out where they are not."},
        "drift": {
            "type": "object",
            "additionalProperties": ref("Drift"),
            "description": "How the latest images compare with the held-out ones, by the name of the model, "
            "if its file describes its held-out images.",
        },
    },
    optional=["teach"],
)

PATHS: dict[str, Any] = {
    "/models": {
        "get": operation(
            "The models that requests may name",
            group="health",
            success=json_content(objects({"models": ref("Models")})),
        )
    },
    "/status": {
        "get": operation(
            "Models, what they run on and why, images answered", group="health", success=json_content(_STATUS)
        )
    },
}

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}

SCHEMAS: dict[str, Any] = {
    "Drift": objects(
        {
            "hours": {"type": "integer", "description": "So old may the images be."},
            "images": {"type": "integer", "minimum": 0},
            "like": {
                "type": ["boolean", "null"],
                "description": "Whether chance explains all differences; null where there are too few images.",
            },
            "changed": {**array(_TEXT), "description": "What chance does not explain, the most changed first."},
            "expected_accuracy": {"anyOf": [{"type": "null"}, _SHARE]},
            "comparisons": array(
                objects(
                    {
                        "what": _TEXT,
                        "images": {"type": "integer", "minimum": 0},
                        "distance": {**_SHARE, "description": "Jensen-Shannon distance."},
                        "noise": {**_SHARE, "description": "What chance hardly exceeds with so many images."},
                        "change": {
                            "type": "string",
                            "description": "higher, lower, or a label.",
                        },
                        "is_changed": {"type": "boolean"},
                    }
                )
            ),
        }
    ),
    "Models": {
        **array({"type": "object", "required": ["name", "state", "reason"]}),
        "description": "Each with its labels, precision, provider, the setting that was measured to be best (`tuned`; "
        "null for the defaults) and what was skipped, once it is loaded.",
    },
}
