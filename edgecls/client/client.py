"""The client: images to a server, predictions back."""

import os
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

from edgecls import errors
from edgecls.client.transport import Reply, Transport
from edgecls.errors import ImageError, ImageReadError, ImageTooLargeError, RefusedError, RefusedImageError
from edgecls.in_order import map_in_order
from edgecls.json_text import parse_json
from edgecls.regular_file import read_regular
from edgecls.runtime.prediction import LabelScore, UnknownReason

__all__ = ["Client", "RemoteModel", "RemoteOutcome", "RemotePrediction"]


@dataclass(frozen=True, repr=False)
class RemotePrediction:
    """The answer of a server for one image.

    Attributes:
        image: What the image is called.
        label: The best label, or "unknown", for `unknown_reason`.
        is_known: Whether the label is one of the model's.
        probability: Of the best label.
        top: The most probable labels, best first; as many as were asked for.
        time_ms: Milliseconds that the server worked on it: decoding, resizing, inference.
        familiarity: Larger for images that are more like the training images; None if the model does not judge that.
        unknown_reason: Why the label is "unknown": the image is "unlike" the training images, or the model
            "undecided"; None if it is known.
    """

    image: str
    label: str
    is_known: bool
    probability: float
    top: tuple[LabelScore, ...]
    time_ms: float
    familiarity: float | None = None
    unknown_reason: UnknownReason | None = None

    def __repr__(self) -> str:
        scores = ", ".join(f"{score.label} {score.probability:.4f}" for score in self.top)
        answer = "" if self.is_known else f"{self.label} ({self.unknown_reason}): "
        return f"<RemotePrediction {self.image!r}: {answer}{scores}>"

    @classmethod
    def from_json(cls, document: dict[str, Any], *, image: str) -> "RemotePrediction":
        """Read an answer; the image is called `image` whatever the server calls it.

        Raises:
            ValueError: It is not an answer about an image.
        """
        return cls(
            image,
            _taken(document, "label", str),
            _taken(document, "known", bool),
            _number(document, "probability"),
            tuple(
                LabelScore(_taken(score, "label", str), _number(score, "probability"))
                for score in _taken(document, "top", list)
            ),
            _number(document, "time_ms"),
            None if document.get("familiarity") is None else _number(document, "familiarity"),  # older servers have
            None if document.get("reason") is None else cast(UnknownReason, _taken(document, "reason", str)),  # neither
        )

    def _repr_html_(self) -> str:
        """Return the answer as notebooks show it."""
        from edgecls.notebook import BLUE, GREY, Bar, bars, bold, escaped

        reasons = {"unlike": ": unlike the training images", "undecided": ": undecided"}
        why = "" if self.unknown_reason is None else reasons.get(self.unknown_reason, f": {self.unknown_reason}")
        color = BLUE if self.is_known else GREY
        chart = bars(
            Bar(score.label, score.probability, f"{score.probability:.4f}", GREY if rank else color)
            for rank, score in enumerate(self.top)
        )
        return f"<div><div>{bold(self.label + why)} {escaped(self.image)}</div>{chart}</div>"


@dataclass(frozen=True)
class RemoteOutcome:
    """The outcome for one of many images.

    Attributes:
        name: What the image is called.
        result: The answer, or the fault that stood in its way.
    """

    name: str
    result: RemotePrediction | ImageError

    def _repr_html_(self) -> str:
        """Return the outcome as notebooks show it."""
        if not isinstance(self.result, ImageError):
            return self.result._repr_html_()
        from edgecls.notebook import bold, escaped

        return f"<div>{bold('error')} {escaped(str(self.result))}</div>"


@dataclass(frozen=True)
class RemoteModel:
    """A model that a server knows.

    Attributes:
        name: What requests call it.
        state: "READY", "LOADING" or "UNAVAILABLE".
        reason: Why it is not ready, or why a newer file was not taken; empty if all is well.
    """

    name: str
    state: str
    reason: str


_T = TypeVar("_T")

Image = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A path to a file, or an encoded image itself."""

CONTENT_TOO_LARGE = 413
AHEAD_PER_CONNECTION = 2  # images taken before their outcome is asked for
BYTES_NAME = "image"  # what an image that has no path is called
MOST_BYTES = 2**30  # of a file; no server takes more, and it is read whole


class Client:
    """A client of `edgecls serve`; may be used from any thread.

    Connections stay open from one request to the next. It is a context manager: at the end of a ``with`` block they
    are closed.

    Args:
        url: Of the server, as in "http://127.0.0.1:8000", or "https://example.org/edgecls" behind a proxy: the path
            is put before that of every request.
        api_key: Sent as a bearer token, to a server that wants one.
        timeout_s: To connect, and between two pieces of an answer, in seconds.
        max_wait_s: How long to go on asking a server that is too busy or not ready, in seconds; it says when to
            come back.
        tls: For HTTPS with certificates of one's own; None for the system's.

    Raises:
        UnreachableError: `url` is not an address of a server.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 60.0,
        max_wait_s: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._transport = Transport(url, headers=headers, timeout_s=timeout_s, tls=tls)
        self._max_wait_s = max_wait_s

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client may be used again, which opens new ones."""
        self._transport.close()

    def predict(self, image: Image, *, top: int = 1, model: str | None = None) -> RemotePrediction:
        """Classify an image.

        Args:
            image: A path to a file, or the bytes of an encoded image.
            top: Number of best labels in the answer.
            model: Name of the model; None for the server's first.

        Raises:
            ImageError: The image cannot be used; the very class that the classifier raises on the server, or
                RefusedImageError if it never got so far, as it is empty or has more bytes than the server takes.
            RefusedError: The server refuses the request for another reason, with the server's message.
            UnreachableError: There is no server, or it does not answer in time.
        """
        name, data = _name(image), _data(image)
        query = {"top": str(top)} if model is None else {"top": str(top), "model": model}
        path = f"/predict/{quote(os.fsencode(os.path.basename(name)), safe='')}?{urlencode(query)}"
        try:
            document = self._document("POST", path, data)
            return RemotePrediction.from_json(document, image=name)
        except ValueError as error:
            raise _not_understood(error) from error
        except RefusedError as error:
            if error.status == CONTENT_TOO_LARGE or not data:
                raise RefusedImageError(f"{name!r}: {error}", error.status, error.kind) from error
            raise

    def predict_many(
        self, images: Iterable[Image], *, top: int = 1, model: str | None = None, connections: int = 4
    ) -> Iterator[RemoteOutcome]:
        """Classify images, several at once; the outcomes come in the order of the images.

        Args:
            images: Each as for `predict`; they are taken only a few ahead of the outcome that is asked for.
            top: Number of best labels in each answer.
            model: Name of the model; None for the server's first.
            connections: How many to send at once, at least 1.

        Returns:
            An outcome for each image. One that cannot be used does not end the work: its outcome has the
            ImageError as its result. Any other error is raised, and ends it.

        Raises:
            ValueError: `connections` is below 1.
            TypeError: `images` is one image, whose letters or bytes would be taken for images; while the
                outcomes are taken: something among them is no image.
        """
        if isinstance(images, str | bytes | bytearray | memoryview | os.PathLike) or not isinstance(images, Iterable):
            raise TypeError(f"images must be an iterable, got {type(images).__name__}; use predict for one image")
        if connections < 1:
            raise ValueError(f"connections must be at least 1, got {connections}")
        return self._outcomes(images, top, model, connections)

    def models(self) -> list[RemoteModel]:
        """Return the models that the server knows, the first one first.

        Raises:
            RefusedError: The server refuses the request.
            UnreachableError: There is no server, or it does not answer in time.
        """
        entries = self._document("POST", "/v2/repository/index")
        try:
            if not isinstance(entries, list):
                raise ValueError("it is no list")
            return [RemoteModel(*(_taken(entry, key, str) for key in ("name", "state", "reason"))) for entry in entries]
        except ValueError as error:
            raise _not_understood(error) from error

    def ready(self) -> bool:
        """Return whether the server has all its models loaded; it is asked once.

        Raises:
            RefusedError: The server refuses the request.
            UnreachableError: There is no server, or it does not answer in time.
        """
        reply = self._transport.request("GET", "/readyz", max_wait_s=0)
        if reply.status == 503:
            return False
        _read(reply)
        return True

    def _outcomes(
        self, images: Iterable[Image], top: int, model: str | None, connections: int
    ) -> Iterator[RemoteOutcome]:
        def outcome(image: Image) -> RemoteOutcome:
            try:
                return RemoteOutcome(_name(image), self.predict(image, top=top, model=model))
            except ImageError as error:
                return RemoteOutcome(_name(image), error)

        return map_in_order(outcome, images, workers=connections, ahead_per_worker=AHEAD_PER_CONNECTION)

    def _document(self, method: str, path: str, body: bytes = b"") -> Any:
        return _read(self._transport.request(method, path, body, max_wait_s=self._max_wait_s))


def _name(image: Image) -> str:
    if isinstance(image, bytes | bytearray | memoryview):
        return BYTES_NAME
    if isinstance(image, str | os.PathLike):
        return os.fspath(image)
    raise TypeError(f"an image is a path or encoded bytes, not {type(image).__name__}; encode it as PNG or JPEG")


def _data(image: Image) -> bytes:
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    name = os.fspath(image)
    try:
        if os.path.isfile(image) and os.path.getsize(image) > MOST_BYTES:
            raise ImageTooLargeError(f"cannot send {name!r}: more than {MOST_BYTES / 2**20:.0f} MiB; save it smaller")
        return read_regular(image)
    except (OSError, ValueError) as error:
        raise ImageReadError(f"cannot read {name!r}: {getattr(error, 'strerror', error)}; check the path") from error


def _read(reply: Reply) -> Any:
    """Return the document of an answer.

    Raises:
        EdgeclsError: It is an error.
    """
    if reply.location is not None:
        raise RefusedError(f"the server is at another address: {reply.location}; give that", reply.status, "Moved")
    try:
        document = parse_json(reply.body)
    except ValueError as error:
        raise RefusedError("the answer is not JSON; is this an edgecls server?", reply.status, "NoJson") from error
    if reply.status == 200:
        return document
    fault = document.get("error") if isinstance(document, dict) else None
    kind, message = ("", str(fault)) if not isinstance(fault, dict) else (fault.get("type"), fault.get("message"))
    known = getattr(errors, str(kind), None)
    if isinstance(known, type) and issubclass(known, ImageError) and not issubclass(known, RefusedError):
        raise known(str(message))
    raise RefusedError(str(message), reply.status, str(kind))


def _taken(document: Any, key: str, kind: type[_T]) -> _T:
    """Return a part of an answer.

    Raises:
        ValueError: It is not there, or of another kind.
    """
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{key} is missing in {str(document)[:80]!r}")
    return value


def _number(document: Any, key: str) -> float:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{key} is missing in {str(document)[:80]!r}")
    return value


def _not_understood(error: ValueError) -> RefusedError:
    return RefusedError(f"the answer is not understood ({error}); is this an edgecls server?", 200, "NoAnswer")
