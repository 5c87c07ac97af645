"""The HTTP application: the groups of routes, put together, and what holds for all of them."""

import contextlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, Route, request

from edgecls.errors import EdgeclsError
from edgecls.server.dispatch.wsgi import StreamedBody
from edgecls.server.endpoints.answers import failure
from edgecls.server.endpoints.feedback import mount_feedback
from edgecls.server.endpoints.health import mount_health
from edgecls.server.endpoints.inference import InferenceRoutes
from edgecls.server.endpoints.metrics import Exposition, mount_metrics
from edgecls.server.endpoints.model_control import mount_model_control
from edgecls.server.endpoints.openapi import mount_openapi
from edgecls.server.endpoints.page import mount_page
from edgecls.server.endpoints.predict import PredictRoutes
from edgecls.server.endpoints.status import mount_models, mount_status
from edgecls.server.endpoints.teaching import TeachingRoutes
from edgecls.server.http.messages import Refusal, Request
from edgecls.server.metrics.statistics import Statistics
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.middleware.cross_site import CrossSiteGuard
from edgecls.server.models.repository import Readiness, Repository
from edgecls.server.storage.feedback_store import FeedbackStore
from edgecls.server.storage.image_root import ImageRoot
from edgecls.server.storage.taught_corrections import TaughtCorrections
from edgecls.server.storage.unsure_store import UnsureStore
from edgecls.server.workers.board import Gathered
from edgecls.teaching.teaching import Teaching

__all__ = ["AppSettings", "Application", "build_app"]


class Application(Bottle):  # type: ignore[misc]  # published without types
    """A Bottle application whose routes answer with an HTTPResponse, which is sent unchanged.

    Bottle on its own copies every response into one that belongs to the thread and finds out what kind it is, which
    takes longer than all the rest it does. Hooks, which work on that copy, are not called.

    What a route needs is declared with it, so that code that asks beforehand (`computes`, `check`) finds the same route
    as the request will: ``app.route(path, method, callback, computes=True, takes_body=True)``. A route that is switched
    off may say in `off` which refusal a body gets at once, a Refusal.

    Args:
        on_error: Answers for what Bottle refuses (404, 405) and for a route that fails (500).
        refusal_of: Says the same of what Bottle refuses, by error, method and path.
    """

    def __init__(
        self,
        on_error: Callable[[HTTPError], HTTPResponse],
        refusal_of: Callable[[HTTPError, str, str], Refusal] | None = None,
    ) -> None:
        super().__init__()
        self._on_error = on_error
        self._refusal_of = refusal_of or (lambda error, method, path: Refusal(error.status_code, "Refused", path))

    def computes(self, method: str, path: str) -> bool:
        """True for the requests that take a core for a while: they decode images, or run or load a network.

        Args:
            method: As in "POST".
            path: Decoded.
        """
        try:
            return bool(self._route(method, path).config.get("computes", False))
        except HTTPError:
            return False

    def check(self, request: Request) -> Refusal | None:
        """Refuse, before it arrives, a body that no route would read; None for all other requests."""
        if not request.has_body:
            return None
        try:
            config = self._route(request.method, request.decoded_path).config
        except HTTPError as error:
            return self._refusal_of(error, request.method, request.decoded_path)
        if config.get("takes_body", False):
            return None
        off: Refusal | None = config.get("off")
        return off or Refusal(
            413, "BodyNotExpected", f"{request.method} takes no body at {request.decoded_path!r}; send none"
        )

    def _route(self, method: str, path: str) -> Route:
        """Return the route that a request takes.

        Raises:
            HTTPError: There is none (404), or none for this method (405).
        """
        route, _ = self.match({"REQUEST_METHOD": method, "PATH_INFO": path})
        return route

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes] | StreamedBody:
        """Answer a request, by the WSGI standard."""
        answer = self._answer(environ)
        if isinstance(answer.body, StreamedBody):
            start_response(answer.status_line, [*answer.headerlist])
            return answer.body if environ["REQUEST_METHOD"] != "HEAD" else [b""]
        body = _whole(answer.body)
        headers = [*answer.headerlist]
        if answer.status_code not in (204, 304) and "Content-Length" not in answer.headers:  # of files it is known
            headers.append(("Content-Length", str(len(body))))
        start_response(answer.status_line, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> HTTPResponse:
        request.bind(environ)
        try:
            environ["PATH_INFO"] = _decoded(environ["PATH_INFO"])
            route, arguments = self.match(environ)
            answer = route.call(**arguments)
        except HTTPResponse as raised:
            answer = raised
        except Exception as error:  # noqa: BLE001  # whatever it is, the client gets an answer and the log the reason
            environ["wsgi.errors"].write(traceback.format_exc())
            answer = HTTPError(500, exception=error)
        return self._on_error(answer) if isinstance(answer, HTTPError) else answer


def _decoded(path: str) -> str:
    """Return the text of a path as WSGI passes it, in Latin-1.

    Raises:
        HTTPError: It is not valid UTF-8 (400).
    """
    try:
        return path.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise HTTPError(400, "the path of the request is not valid UTF-8; encode it so") from None


def _whole(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if not body:
        return b""
    with contextlib.closing(body):  # a file of the page, or a part of one in pieces
        return body.read() if hasattr(body, "read") else b"".join(body)


@dataclass(frozen=True)
class AppSettings:
    """Bounds of the server; those on images are the classifier's own.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
        allow_model_control: Whether clients may load and unload models.
        origins: Other sites whose pages may change something, as in "https://example.org".
        https: Whether the server speaks HTTPS, which the WSGI server does not know here.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_files: int = 32
    allow_model_control: bool = False
    origins: tuple[str, ...] = ()
    https: bool = False


def build_app(
    repository: Repository,
    settings: AppSettings,
    *,
    image_root: ImageRoot | None = None,
    feedback: FeedbackStore | None = None,
    teaching: Teaching | None = None,
    unsure: UnsureStore | None = None,
    readiness: Readiness | None = None,
    keys: ApiKeys | None = None,
    statistics: Statistics | None = None,
    gather: Callable[[], Gathered] | None = None,
) -> Application:
    """Build the application.

    Args:
        repository: The models.
        settings: Bounds.
        image_root: Images that may be asked for by name; None for no such images.
        feedback: Where corrections are kept; None to take none.
        teaching: What is taught in the page, where corrections go too; None for nothing.
        unsure: Where images are kept whose answer was "unknown"; None to keep none.
        readiness: Whether the server can serve; None for whether the models are loaded.
        keys: API keys that requests are checked against before they come here, with which some answers say more.
        statistics: Where requests of the inference protocol are counted; None for a new one.
        gather: Returns what all processes of the server have counted; None for these statistics alone.
    """
    readiness = readiness or Readiness(repository)
    counting = statistics or Statistics()
    gather = gather or (lambda: Gathered([], [counting.snapshot()]))
    app = Application(_refused_by_bottle, _refusal_of)
    app.install(_answer_errors)
    app.install(CrossSiteGuard(settings.origins, https=settings.https))
    corrections = feedback if teaching is None else TaughtCorrections(teaching)
    mount_page(app, teaches=teaching is not None)
    mount_health(app, repository, readiness, keys)
    mount_openapi(app, teaches=teaching is not None)
    mount_models(app, repository)
    mount_metrics(app, Exposition(repository, gather))
    PredictRoutes(
        repository,
        image_root=image_root,
        unsure=unsure,
        max_body_bytes=settings.max_body_bytes,
        max_files=settings.max_files,
    ).mount(app)
    InferenceRoutes(repository, readiness, counting, gather, max_body_bytes=settings.max_body_bytes).mount(app)
    mount_model_control(app, repository, allowed=settings.allow_model_control)
    mount_feedback(app, repository, corrections, max_body_bytes=settings.max_body_bytes)
    mount_status(app, repository, corrections, gather)
    if teaching is not None:
        TeachingRoutes(teaching, repository, max_body_bytes=settings.max_body_bytes).mount(app)
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
        404: ("NotFound", f"there is nothing at {path!r}; GET /openapi.json lists what there is"),
        405: ("MethodNotAllowed", f"{method} is not allowed at {path!r}"),
    }
    fault = ("InternalError", "the server failed; see its log for the reason")
    kind, message = messages.get(
        error.status_code, ("BadRequest", str(error.body)) if error.status_code < 500 else fault
    )
    return Refusal(error.status_code, kind, message, **dict(error.headers))
