"""`edgecls.server.create_app`: the application for another WSGI server, with the same guards."""

import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, cast
from urllib.parse import quote

from edgecls.runtime.min_familiarity import MinFamiliarity
from edgecls.server.app import Application
from edgecls.server.dispatch.wsgi import WORK_KEY, Work, answer_of
from edgecls.server.endpoints.answers import error_body
from edgecls.server.http.messages import Answer, Refusal, Request, refusal_answer
from edgecls.server.middleware.cors import Cors
from edgecls.server.middleware.hosts import AllowedHosts
from edgecls.server.middleware.middleware import Middleware
from edgecls.server.server import ServerState, application, open_model_file
from edgecls.server.settings import (
    FeedbackSettings,
    ServeSettings,
    named_files,
    one_or_several,
    optional_path,
    several_paths,
)
from edgecls.server.workers.board import Gathered

__all__ = ["GuardedApplication", "create_app"]

StrPath = str | PathLike[str]


def create_app(
    models: StrPath | Sequence[StrPath],
    *,
    provider: str = "auto",
    tuned: bool = True,
    unknown_threshold: float | None = None,
    min_familiarity: MinFamiliarity | None = None,
    max_megapixels: float = 100,
    max_upload_mb: float = 32,
    image_root: StrPath | None = None,
    feedback: StrPath | FeedbackSettings | None = None,
    keep_unsure: StrPath | None = None,
    keep_unsure_max_mb: float = 1024,
    require_signature: StrPath | Sequence[StrPath] = (),
    allow_model_control: bool = False,
    allowed_hosts: str | Sequence[str] = (),
    cors_origins: str | Sequence[str] = (),
    api_keys: StrPath | None = None,
) -> "GuardedApplication":
    """Return a WSGI application with loaded models, for any WSGI server::

        waitress-serve --call 'myapp:create'        # where myapp.create() returns edgecls.server.create_app(...)

    Allowed hosts, API keys, other sites, body size and the header fields of answers are checked and set as by
    `edgecls serve`. What belongs to the server around it is left to that server: threads, queue, slow senders, TLS,
    the access log, and stopping. Call it once in each process, after the server has forked.

    Args:
        models: A model file, a folder of them, or several of either. Requests that name no model get the first.
        allowed_hosts: Names that requests may be for, in addition to localhost, 127.0.0.1 and [::1], as the
            application does not know which address its server listens on; "*" for any.
        require_signature: File of a public key, or several, of which one must have signed each model file. Needs the
            extra "signing".
        feedback: Folder for corrections; `FeedbackSettings` to limit its size or to accept new labels.
        provider, tuned, unknown_threshold, min_familiarity: As the options of `edgecls serve`.
        max_megapixels, max_upload_mb, image_root, keep_unsure, keep_unsure_max_mb: Also.
        allow_model_control, cors_origins, api_keys: Also.

    Raises:
        EdgeclsError: A model, a folder or a setting cannot be used.
    """
    files, names = named_files(models)
    settings = ServeSettings(
        files,
        names=names,
        provider=provider,
        tuned=tuned,
        unknown_threshold=unknown_threshold,
        min_familiarity=min_familiarity,
        max_megapixels=max_megapixels,
        max_upload_mb=max_upload_mb,
        image_root=optional_path(image_root),
        feedback=FeedbackSettings.of(feedback),
        keep_unsure=optional_path(keep_unsure),
        keep_unsure_max_mb=keep_unsure_max_mb,
        require_signature=several_paths(require_signature),
        allow_model_control=allow_model_control,
        allowed_hosts=one_or_several(allowed_hosts),
        cors_origins=one_or_several(cors_origins),
        api_keys=optional_path(api_keys),
    )
    state = ServerState(
        settings, lambda file: open_model_file(file, settings, threads=None, signatures=state.signatures)
    )
    app = application(settings, state, lambda: Gathered([state.status()], []))
    guarded = GuardedApplication(app, settings, state)
    state.repository.load_all()
    return guarded


class GuardedApplication:
    """The application behind the middleware of our own server.

    Args:
        app: The application.
        settings: Hosts, sites and body size.
        state: API keys and metrics.
    """

    def __init__(self, app: Application, settings: ServeSettings, state: ServerState) -> None:
        self._counting = threading.Lock()
        self._middleware = Middleware(
            _CallingThread(app, settings.max_body_bytes),
            state.metrics,
            hosts=AllowedHosts(settings.allowed_hosts, listening_on="", bound_to="127.0.0.1"),
            keys=state.keys,
            cors=Cors(settings.cors_origins) if settings.cors_origins else None,
            error_body=error_body,
        )

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer a request, by the WSGI standard."""
        request = _read_head(environ)
        try:
            answer = self._answer(request)
        except Refusal as refusal:
            answer = refusal_answer(refusal)
        with self._counting:  # in our own server one thread counts
            self._middleware.answered(request, answer)
        return _send(request, answer, start_response)

    def _answer(self, request: "_WsgiRequest") -> Answer:
        """Check a request before its body is read, as our own server does, and answer it.

        Raises:
            Refusal: It is not served.
        """
        try:
            request.decoded_path.encode()
        except UnicodeError:
            raise Refusal(
                400,
                "BadRequest",
                "the path of the request is not valid UTF-8 after percent-decoding; encode it as UTF-8",
            ) from None
        if refusal := self._middleware.check(request):
            raise refusal
        return cast(Answer, self._middleware.handle(request, lambda answer: None))


@dataclass(slots=True)
class _WsgiRequest(Request):
    """A request with the environment it came in."""

    environ: dict[str, Any] = field(default_factory=dict)


class _CallingThread:
    """A handler that answers in the thread in which the WSGI server calls it."""

    def __init__(self, app: Application, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self.check = app.check

    def handle(self, request: Request, answer: Callable[[Answer], None]) -> Answer:
        """Read the body, and return the application's answer.

        Raises:
            Refusal: The body is too large, cut short, or of unknown length.
        """
        environ = cast(_WsgiRequest, request).environ
        request.body = _read_body(environ, self._max_body_bytes)
        request.whole_s = time.monotonic()
        work = Work()
        own = {"wsgi.input": io.BytesIO(request.body), "CONTENT_LENGTH": str(len(request.body)), WORK_KEY: work}
        answered = answer_of(self._app, {**environ, "PATH_INFO": environ.get("PATH_INFO") or "/", **own}, work)
        work.total_s = time.monotonic() - request.whole_s
        return answered

    def answered(self, request: Request, answer: Answer) -> None:
        """Nothing is noted here."""


def _read_head(environ: dict[str, Any]) -> _WsgiRequest:
    """Return a request without its body."""
    fields = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    fields |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return _WsgiRequest(
        method=environ["REQUEST_METHOD"],
        path=quote((environ.get("PATH_INFO") or "/").encode("latin-1"), safe="/:@!$&'()*+,;=~"),
        query=environ.get("QUERY_STRING", ""),
        version=environ.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2],
        headers=[(name.lower().replace("_", "-"), value) for name, value in fields.items()],
        client=environ.get("REMOTE_ADDR", ""),
        environ=environ,
    )


def _read_body(environ: dict[str, Any], max_bytes: int) -> bytes:
    """Return the body of a request, of which no more than `max_bytes` are ever read.

    Raises:
        Refusal: It is larger (413), shorter than announced, or of unknown length (400).
    """
    announced = environ.get("CONTENT_LENGTH") or ""
    if not re.fullmatch("[0-9]{0,18}", announced):
        raise Refusal(400, "BadRequest", f"Content-Length must be a number, got {announced[:20]!r}")
    # Without a length only a server that ends the stream after a chunked body can be read to its end.
    size = int(announced) if announced else max_bytes + 1 if environ.get("wsgi.input_terminated") else 0
    pieces: list[bytes] = []
    missing = size if size <= max_bytes or not announced else 0
    while missing and (piece := environ["wsgi.input"].read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    if size - missing > max_bytes:
        raise Refusal(413, "BodyTooLarge", f"the body is larger than {max_bytes / 2**20:.4g} MiB; send less at once")
    if announced and missing:
        raise Refusal(400, "BadRequest", "the body ended before its announced length; send it again")
    return b"".join(pieces)


def _send(request: Request, answer: Answer, start_response: Callable[..., object]) -> Iterable[bytes]:
    if answer.pieces is not None:
        start_response(answer.status, answer.headers)
        return answer.pieces
    has_length = any(name.lower() == "content-length" for name, _ in answer.headers)
    if not has_length and answer.status[:3] not in ("204", "304"):
        answer.headers.append(("Content-Length", str(len(answer.body))))
    start_response(answer.status, answer.headers)
    return [b"" if request.method == "HEAD" else answer.body]
