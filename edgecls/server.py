"""The HTTP application: the groups of routes, put together, and what holds for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bottle import Bottle, HTTPResponse, request, response

from edgecls.errors import EdgeclsError
from edgecls.serving.answers import failure
from edgecls.serving.http.answer import Refusal
from edgecls.serving.image_root import ImageRoot
from edgecls.serving.metrics.exposition import Exposition
from edgecls.serving.readiness import Readiness
from edgecls.serving.repository.repository import Repository
from edgecls.serving.routes.health import mount_health
from edgecls.serving.routes.metrics import mount_metrics
from edgecls.serving.routes.models import mount_models
from edgecls.serving.routes.page import mount_page
from edgecls.serving.routes.predict import PredictRoutes, computes

__all__ = ["ServerSettings", "computes", "create_app"]


@dataclass(frozen=True)
class ServerSettings:
    """Bounds of the server; those on pictures are the classifier's own.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_files: int = 32


def create_app(
    repository: Repository,
    settings: ServerSettings,
    *,
    image_root: ImageRoot | None = None,
    readiness: Readiness | None = None,
    exposition: Exposition | None = None,
) -> Bottle:
    """Build the application.

    Args:
        repository: The models.
        settings: Bounds.
        image_root: Pictures that may be asked for by name; None for no such pictures.
        readiness: Whether the server can serve; None for whether the models are loaded.
        exposition: The metrics; None for none.
    """
    app = Bottle()
    app.install(_answer_errors)
    app.default_error_handler = _default_error
    mount_page(app)
    mount_health(app, repository, readiness or Readiness(repository))
    mount_models(app, repository)
    if exposition is not None:
        mount_metrics(app, exposition)
    predict = PredictRoutes(
        repository, image_root=image_root, max_body_bytes=settings.max_body_bytes, max_files=settings.max_files
    )
    predict.mount(app)
    return app


def _answer_errors(callback: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
    """Turn the errors of a route into answers (a Bottle plugin)."""

    def wrapper(*args: Any, **kwargs: Any) -> HTTPResponse:
        try:
            return callback(*args, **kwargs)
        except (Refusal, EdgeclsError) as error:
            return failure(error)

    return wrapper


def _default_error(error: HTTPResponse) -> bytes:
    """Give the errors that Bottle itself raises the same shape: no route, wrong method, a fault of ours."""
    messages = {
        404: ("NotFound", f"there is nothing at {request.path!r}; POST a picture to /predict"),
        405: ("MethodNotAllowed", f"{request.method} is not possible at {request.path!r}"),
    }
    kind, message = messages.get(error.status_code, ("InternalError", "the server failed; its log says why"))
    answer = failure(Refusal(error.status_code, kind, message))
    response.content_type = "application/json"
    body: bytes = answer.body
    return body
