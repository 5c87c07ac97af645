"""What an application did for a request: noted by the routes, read by metrics and access log."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgecls.runtime.prediction import Prediction
from edgecls.server.http.messages import Answer, Request

__all__ = ["WORK_KEY", "StreamedBody", "Work", "WorkedAnswer", "WsgiApplication", "answer_of", "call_wsgi", "work_of"]

WsgiApplication = Callable[..., Iterable[bytes]]

WORK_KEY = "edgecls.work"
"""Where the record of a request is found in its WSGI environment."""


class StreamedBody:
    """The body of an answer that is sent in pieces, as they are made, instead of being held in memory whole.

    Args:
        pieces: None of them larger than may be in memory; made in other threads, one after the other.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Nothing is left open."""


@dataclass(slots=True)
class Work:
    """The record of one request, in seconds.

    Attributes:
        queue_s: It waited for a thread, whole.
        total_s: A thread worked on it.
        decode_s: The part of that for decoding and resizing images.
        infer_s: The part for running the network.
        model: Name of the model asked for; empty for none.
        predictions: For each image that was classified.
        batch_sizes: For each of them, how many the network ran together.
        on_classified: Called with an encoded image that was classified, and the answer; None for nothing.
    """

    queue_s: float = 0.0
    total_s: float = 0.0
    decode_s: float = 0.0
    infer_s: float = 0.0
    model: str = ""
    predictions: list[Prediction] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)
    on_classified: Callable[[bytes, Prediction], None] | None = None

    def ran(self, predictions: Sequence[Prediction], *, infer_s: float) -> None:
        """Note a batch that came as one."""
        self.infer_s += infer_s
        self.predictions += predictions
        self.batch_sizes += [len(predictions)] * len(predictions)

    def classified(self, prediction: Prediction, data: bytes) -> None:
        """Note an image that was decoded and classified, and its encoded bytes."""
        self.decode_s += prediction.decode_ms / 1000
        self.infer_s += (prediction.time_ms - prediction.decode_ms) / 1000
        self.predictions.append(prediction)
        self.batch_sizes.append(prediction.batch_size)
        if self.on_classified is not None:
            self.on_classified(data, prediction)


@dataclass(slots=True)
class WorkedAnswer(Answer):
    """An answer of the application.

    Attributes:
        work: How it came about.
    """

    work: Work = field(default_factory=Work)


def work_of(environ: MutableMapping[str, Any]) -> Work:
    """Return the record of a request; a new one, which no front reads, if another server called the application."""
    work: Work = environ.get(WORK_KEY) or environ.setdefault(WORK_KEY, Work())
    return work


def call_wsgi(app: WsgiApplication, request: Request, work: Work | None = None) -> WorkedAnswer:
    """Return the application's answer to a whole request, as `answer_of` does."""
    work = work or Work()
    return answer_of(app, _environ(request, work), work)


def answer_of(app: WsgiApplication, environ: dict[str, Any], work: Work) -> WorkedAnswer:
    """Return the application's answer; what it raises is raised.

    Args:
        app: A WSGI application.
        environ: Its environment, which is emptied afterwards.
        work: Where it notes what it does; also in the environment under `WORK_KEY`.
    """
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        started[:] = [status, headers]
        return written.append

    chunks = app(environ, start_response)
    if isinstance(chunks, StreamedBody):
        environ.clear()
        return WorkedAnswer(started[0], started[1], work=work, pieces=iter(chunks))
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    environ.clear()  # Bottle has it until the thread's next request, and would keep the body so long
    status, headers = started
    return WorkedAnswer(status, headers, b"".join(written) + body if written else body, work=work)


def _environ(request: Request, work: Work) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": request.prefix,
        "PATH_INFO": request.decoded_path.encode().decode("latin-1"),
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.client,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme or "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        WORK_KEY: work,
    }
    for name, value in request.headers:
        if name == "transfer-encoding" or "_" in name:
            continue  # the body has been put together; and "a_b" could pass itself off as "a-b"
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_CONTENT_LENGTH", None)
    return environ
