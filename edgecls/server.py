"""The HTTP application: the groups of routes, put together, and what holds for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bottle import HTTPError, HTTPResponse, request

from edgecls.errors import EdgeclsError
from edgecls.serving.answers import failure
from edgecls.serving.application import Application
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.http.answer import Refusal
from edgecls.serving.image_root import ImageRoot
from edgecls.serving.metrics.exposition import Exposition
from edgecls.serving.readiness import Readiness
from edgecls.serving.repository.repository import Repository
from edgecls.serving.routes.feedback import mount_feedback
from edgecls.serving.routes.health import mount_health
from edgecls.serving.routes.inference import InferenceRoutes
from edgecls.serving.routes.metrics import mount_metrics
from edgecls.serving.routes.model_control import mount_model_control
from edgecls.serving.routes.models import mount_models
from edgecls.serving.routes.openapi import mount_openapi
from edgecls.serving.routes.page import mount_page
from edgecls.serving.routes.predict import PredictRoutes
from edgecls.serving.routes.status import mount_status
from edgecls.serving.statistics import Statistics
from edgecls.serving.workers.board import Gathered

__all__ = ["ServerSettings", "create_app"]


@dataclass(frozen=True)
class ServerSettings:
    """Bounds of the server; those on pictures are the classifier's own.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
        allow_model_control: Whether clients may load and unload models.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_files: int = 32
    allow_model_control: bool = False


def create_app(
    repository: Repository,
    settings: ServerSettings,
    *,
    image_root: ImageRoot | None = None,
    feedback: FeedbackStore | None = None,
    readiness: Readiness | None = None,
    statistics: Statistics | None = None,
    gather: Callable[[], Gathered] | None = None,
) -> Application:
    """Build the application.

    Args:
        repository: The models.
        settings: Bounds.
        image_root: Pictures that may be asked for by name; None for no such pictures.
        feedback: Where corrections are kept; None to take none.
        readiness: Whether the server can serve; None for whether the models are loaded.
        statistics: Where requests of the inference protocol are counted; None for a new one.
        gather: Returns what all processes of the server have counted; None for these statistics alone.
    """
    readiness = readiness or Readiness(repository)
    counting = statistics or Statistics()
    gather = gather or (lambda: Gathered([], [counting.snapshot()]))
    app = Application(_refused_by_bottle, _refusal_of)
    app.install(_answer_errors)
    mount_page(app)
    mount_health(app, repository, readiness)
    mount_openapi(app)
    mount_models(app, repository)
    mount_metrics(app, Exposition(repository, gather))
    PredictRoutes(
        repository, image_root=image_root, max_body_bytes=settings.max_body_bytes, max_files=settings.max_files
    ).mount(app)
    InferenceRoutes(repository, readiness, counting, gather, max_body_bytes=settings.max_body_bytes).mount(app)
    mount_model_control(app, repository, allowed=settings.allow_model_control)
    mount_feedback(app, repository, feedback, max_body_bytes=settings.max_body_bytes)
    mount_status(app, repository, feedback, gather)
    return app


def _answer_errors(callback: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
    """Turn the errors of a route into answers (a Bottle plugin)."""

    def wrapper(*args: Any, **kwargs: Any) -> HTTPResponse:
        try:
            return callback(*args, **kwargs)
        except (Refusal, EdgeclsError) as error:
            return failure(error, request.path)

    return wrapper


def _refused_by_bottle(error: HTTPError) -> HTTPResponse:
    """Give the errors that Bottle itself raises the same shape: no route, wrong method, a fault of ours."""
    return failure(_refusal_of(error, request.method, request.path), request.path)


def _refusal_of(error: HTTPError, method: str, path: str) -> Refusal:
    messages = {
        404: ("NotFound", f"there is nothing at {path!r}; GET /openapi.json tells what there is"),
        405: ("MethodNotAllowed", f"{method} is not possible at {path!r}"),
    }
    fault = ("InternalError", "the server failed; its log says why")
    kind, message = messages.get(
        error.status_code, ("BadRequest", str(error.body)) if error.status_code < 500 else fault
    )
    return Refusal(error.status_code, kind, message, **dict(error.headers))
