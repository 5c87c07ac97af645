"""Which models there are."""

from bottle import Bottle

from edgecls.serving.answers import json_answer
from edgecls.serving.repository.model_facts import facts_of_models
from edgecls.serving.repository.repository import Repository

__all__ = ["mount_models"]


def mount_models(app: Bottle, repository: Repository) -> None:
    """Add the list of models to an application."""
    app.route("/models", "GET", lambda: json_answer({"models": facts_of_models(repository)}))
