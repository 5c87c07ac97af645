"""The HTTP application: routes, each a few lines over `edgecls.runtime` and `edgecls.serving`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPResponse, request, response, static_file

from edgecls import __version__
from edgecls.errors import EdgeclsError, ImageError
from edgecls.runtime.prediction import Prediction
from edgecls.serving.answers import failure, json_answer, status_of, text_answer
from edgecls.serving.bodies import Upload, read_body, read_uploads
from edgecls.serving.http.answer import Refusal
from edgecls.serving.image_root import ImageRoot
from edgecls.serving.repository.repository import Repository

__all__ = ["ServerSettings", "computes", "create_app"]

WEB_FOLDER = Path(__file__).parent / "web"
DEFAULT_TOP = 5
RAW_BODY_NAME = "body"  # what a picture without a name is called in its answer

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class ServerSettings:
    """Bounds of the server; those on pictures are the classifier's own.

    Attributes:
        max_body_bytes: Largest body of a request.
        max_files: Files in one multipart request.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_files: int = 32


def computes(method: str, path: str) -> bool:
    """True for the requests that decode pictures or run the network, which takes a core for a while."""
    return method in ("GET", "POST") and (path == "/predict" or path.startswith("/predict/"))


def create_app(
    repository: Repository,
    settings: ServerSettings,
    *,
    image_root: ImageRoot | None = None,
) -> Bottle:
    """Build the application.

    Args:
        repository: The models.
        settings: Bounds.
        image_root: Pictures that may be asked for by name; None for no such pictures.
    """
    routes = _Routes(repository, settings, image_root)
    app = Bottle()
    app.install(_answer_errors)
    app.add_hook("after_request", lambda: response.headers.update(_SECURITY_HEADERS))
    app.default_error_handler = _default_error
    app.route("/", "GET", routes.page)
    app.route("/web/<name>", "GET", routes.web_file)
    app.route("/livez", "GET", routes.live)
    app.route("/readyz", "GET", routes.ready)
    app.route("/predict", "POST", routes.predict)
    app.route("/predict/<name:path>", "POST", routes.predict_named)
    app.route("/predict/<name:path>", "GET", routes.predict_by_name)
    return app


class _Routes:
    """What the application answers at each of its addresses."""

    def __init__(
        self,
        repository: Repository,
        settings: ServerSettings,
        image_root: ImageRoot | None,
    ) -> None:
        self._repository = repository
        self._settings = settings
        self._image_root = image_root

    def page(self) -> HTTPResponse:
        return static_file("index.html", root=str(WEB_FOLDER))

    def web_file(self, name: str) -> HTTPResponse:
        return static_file(name, root=str(WEB_FOLDER))

    def live(self) -> HTTPResponse:
        return json_answer({"live": True})

    def ready(self) -> HTTPResponse:
        model = self._repository.model()
        if not self._repository.ready:
            raise Refusal(503, "NotReady", "not every model is loaded yet", **{"Retry-After": "1"})
        classifier = model.classifier
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

    def predict(self) -> HTTPResponse:
        uploads = self._uploads(RAW_BODY_NAME)
        return self._several(uploads) if _is_form() else _single(self._classify(uploads[0].data, uploads[0].name))

    def predict_named(self, name: str) -> HTTPResponse:
        uploads = self._uploads(name)
        if len(uploads) > 1:
            raise Refusal(400, "BadRequest", f"one name, {name!r}, for {len(uploads)} files; POST them to /predict")
        return _single(self._classify(uploads[0].data, name))

    def predict_by_name(self, name: str) -> HTTPResponse:
        if self._image_root is None:
            raise Refusal(404, "NotFound", "pictures by name are off; start the server with --image-root DIR")
        data = self._image_root.read(name, limits=self._repository.model(_model_name()).classifier.limits)
        return _single(self._classify(data, name))

    def _uploads(self, name: str) -> list[Upload]:
        """Return the pictures in the request: the files of a form, or else the body itself under `name`."""
        body = read_body(request.environ, max_bytes=self._settings.max_body_bytes)
        if _is_form():
            # Not request.content_type: Bottle gives it in lower case, and the boundary is case-sensitive.
            return read_uploads(body, request.environ["CONTENT_TYPE"], max_files=self._settings.max_files)
        return [Upload(name, body)]

    def _several(self, uploads: list[Upload]) -> HTTPResponse:
        """Answer with a prediction or an error for each file; with the first error's status if all failed."""
        top = _top()
        results: list[dict[str, Any]] = []
        faults: list[ImageError] = []
        for upload in uploads:
            try:
                results.append(self._classify(upload.data, upload.name).as_dict(top=top))
            except ImageError as error:
                faults.append(error)
                results.append({"image": upload.name, "error": error.as_dict()})
        if len(faults) < len(uploads):
            return json_answer({"predictions": results})
        return json_answer({"predictions": results, "error": faults[0].as_dict()}, status=status_of(faults[0]))

    def _classify(self, data: bytes, name: str) -> Prediction:
        return self._repository.model(_model_name()).predict(data, image_name=name)


def _is_form() -> bool:
    return bool(request.content_type.lower().startswith("multipart/form-data"))


def _single(prediction: Prediction) -> HTTPResponse:
    """Answer with one prediction: JSON, or only the label if the client prefers plain text."""
    if request.get_header("Accept", "").partition(",")[0].strip().startswith("text/plain"):
        return text_answer(prediction.label)
    return json_answer(prediction.as_dict(top=_top()))


def _model_name() -> str | None:
    """Return the model asked for with ?model=, None for the first."""
    name: str | None = request.query.getunicode("model")
    return name


def _top() -> int:
    """Return the number of labels asked for with ?top=."""
    text = request.query.get("top", str(DEFAULT_TOP))
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise Refusal(400, "BadRequest", f"top must be a whole number from 1 to 999999, got {text[:20]!r}")
    return int(text)


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
