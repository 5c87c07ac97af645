"""The client against a real server process, and against servers that misbehave."""

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from familiar_model import GREY, colored
from running_server import RunningServer, running_server

from edgecls import Client, ImageError, LabelScore, RemoteError, RemoteModel, RemotePrediction, image
from edgecls.errors import (
    ImageDecodeError,
    ImageReadError,
    RefusedError,
    RefusedImageError,
    UnreachableError,
    UnsupportedImageError,
)

RED = image.encode_png(np.full((20, 30, 3), (250, 0, 0), np.uint8))
GREEN = image.encode_png(np.full((20, 30, 3), (0, 250, 0), np.uint8))


@pytest.fixture(scope="module")
def server(tiny_model_path: Path) -> Iterator[RunningServer]:
    with running_server("--model", tiny_model_path, "--max-upload-mb", "0.01") as running:
        yield running


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with Client(server.url) as client:
        yield client


@pytest.fixture
def red_file(tmp_path: Path) -> Path:
    path = tmp_path / "红 %2e#?.png"
    path.write_bytes(RED)
    return path


def test_a_file_is_classified_under_its_own_path(client: Client, red_file: Path) -> None:
    prediction = client.predict(red_file, top=2)

    assert (prediction.image, prediction.label, prediction.is_known) == (str(red_file), "red", True)
    assert prediction.probability == pytest.approx(0.9999, abs=1e-3)
    assert prediction.top[0] == LabelScore("red", prediction.probability)
    assert len(prediction.top) == 2
    assert prediction.time_ms > 0


def test_bytes_are_classified(client: Client) -> None:
    prediction = client.predict(GREEN, model="colors")

    assert (prediction.image, prediction.label) == ("image", "green")


def test_many_images_come_back_in_their_order(client: Client, red_file: Path) -> None:
    images = [red_file, GREEN, b"text", "gone.png"] * 10

    outcomes = list(client.predict_many(images, connections=3))

    assert [outcome.name for outcome in outcomes] == [str(red_file), "image", "image", "gone.png"] * 10
    for red, green, text, gone in zip(*[iter(outcomes)] * 4, strict=True):
        assert not isinstance(red.result, ImageError)
        assert not isinstance(green.result, ImageError)
        assert (red.result.label, green.result.label) == ("red", "green")
        assert type(text.result) is UnsupportedImageError
        assert type(gone.result) is ImageReadError


def test_images_are_taken_only_a_few_ahead(client: Client) -> None:
    taken = []

    def images() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield RED

    outcomes = client.predict_many(images(), connections=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]

    assert len(taken) == 4


def test_a_client_that_is_closed_in_the_middle_keeps_no_connection(server: RunningServer) -> None:
    before = set(threading.enumerate())
    client = Client(server.url)
    outcomes = client.predict_many([RED] * 100, connections=3)
    next(outcomes)

    client.close()
    outcomes.close()  # type: ignore[attr-defined]
    for thread in set(threading.enumerate()) - before:
        thread.join(20)

    assert not client._transport._idle


def test_one_image_for_many_is_refused_at_once(client: Client) -> None:
    for one in ("one.png", RED, Path("one.png")):
        with pytest.raises(TypeError, match="use predict for one image"):
            client.predict_many(one)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="connections must be at least 1"):
        client.predict_many([RED], connections=0)


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (b"text", UnsupportedImageError, "cannot read 'image'"),
        (RED[:60], ImageDecodeError, "cannot read 'image'"),
        ("gone.png", ImageReadError, "cannot read 'gone.png': No such file"),
        (".", ImageReadError, "cannot read '.'"),
        ("a\0b", ImageReadError, "cannot read"),
    ],
)
def test_an_image_that_cannot_be_used_raises_what_the_classifier_would(
    client: Client, image: Any, kind: type[ImageError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        client.predict(image)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("image", "options", "status", "kind", "message"),
    [
        (RED, {"model": "shapes"}, 404, "NotFound", "there is no model 'shapes'"),
        (RED, {"top": 0}, 400, "BadRequest", "top must be a whole number"),
        (b"", {}, 400, "BadRequest", "the body is empty"),
        (bytes(20_000), {}, 413, "BodyTooLarge", "larger than"),
        (bytes(40_000_000), {}, 413, "BodyTooLarge", "larger than"),
    ],
)
def test_other_refusals_have_status_type_and_message_of_the_server(
    client: Client, image: bytes, options: dict[str, Any], status: int, kind: str, message: str
) -> None:
    with pytest.raises(RefusedError, match=message) as caught:
        client.predict(image, **options)
    assert (caught.value.status, caught.value.kind) == (status, kind)


def test_one_bad_file_does_not_end_the_others(client: Client, red_file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "large.png").write_bytes(RED + bytes(40_000))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = ["empty.png", "large.png", "folder.png", "pipe.png"]
    bad: list[Any] = [*(tmp_path / name for name in names), b"", bytes(20_000), bytes(40_000_000)]

    outcomes = list(client.predict_many([*bad, red_file, *bad, bytearray(RED)], connections=2))

    assert [isinstance(outcome.result, ImageError) for outcome in outcomes] == [*[True] * 7, False, *[True] * 7, False]
    for outcome, expected in zip(outcomes, ["is empty", "larger than", "cannot read", "cannot read"], strict=False):
        assert outcome.name in str(outcome.result)
        assert expected in str(outcome.result)
    for outcome in outcomes[4:7]:
        assert isinstance(outcome.result, RefusedImageError)
        assert outcome.result.status in (400, 413)


def test_a_refusal_that_is_not_for_the_image_ends_many(client: Client) -> None:
    with pytest.raises(RefusedError, match="there is no model 'shapes'"):
        list(client.predict_many([RED, RED], model="shapes"))


@pytest.mark.parametrize("image", [None, 7, [RED] * 1000, np.zeros((4, 4, 3), np.uint8)])
def test_other_types_get_a_short_message(client: Client, image: Any) -> None:
    with pytest.raises(TypeError, match="an image is a path or encoded bytes, not") as caught:
        client.predict(image)
    assert len(str(caught.value)) < 150


def test_the_server_and_its_models_are_told_of(client: Client) -> None:
    assert client.ready()
    assert client.models() == [RemoteModel("colors", "READY", "")]


def test_threads_may_share_a_client(client: Client) -> None:
    labels: list[str] = []

    def ask(image: bytes, label: str) -> None:
        labels.extend(label for _ in range(20) if client.predict(image).label == label)

    threads = [threading.Thread(target=ask, args=args) for args in [(RED, "red"), (GREEN, "green")] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (labels.count("red"), labels.count("green")) == (80, 80)


class _Scripted(BaseHTTPRequestHandler):
    """Answers as it is told to: status, header fields and body of each request in turn."""

    protocol_version = "HTTP/1.1"
    script: ClassVar[list[tuple[int, dict[str, str], bytes]]]
    received: ClassVar[list[tuple[str, str | None]]]
    connections: ClassVar[set[Any]]

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.received.append((self.path, self.headers.get("Authorization")))
        status, headers, body = self.script.pop(0)
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[tuple[str, type[_Scripted]]]:
    class Handler(_Scripted):
        script: ClassVar = []
        received: ClassVar = []
        connections: ClassVar = set()

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/behind/a/proxy/", Handler
    httpd.shutdown()
    thread.join()
    httpd.server_close()


BUSY = (503, {"Retry-After": "0"}, b'{"error": {"type": "Busy", "message": "come back"}}')
MODELS = (200, {}, json.dumps([{"name": "a", "state": "READY", "reason": ""}]).encode())


def test_a_busy_server_is_asked_again_when_it_says(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [BUSY, BUSY, MODELS]

    with Client(url, "secret") as client:
        assert client.models() == [RemoteModel("a", "READY", "")]

    assert handler.received == [("/behind/a/proxy/v2/repository/index", "Bearer secret")] * 3
    assert len(handler.connections) == 1


@pytest.mark.parametrize(
    ("prefix", "sent"),
    [
        ("", "/v2/repository/index"),
        ("/", "/v2/repository/index"),
        ("/edge/cls//", "/edge/cls/v2/repository/index"),
        ("/a b/é", "/a%20b/%C3%A9/v2/repository/index"),
        ("/a%20b", "/a%20b/v2/repository/index"),
    ],
)
def test_the_path_of_the_address_comes_before_every_other(
    scripted: tuple[str, type[_Scripted]], prefix: str, sent: str
) -> None:
    url, handler = scripted
    handler.script += [MODELS]

    with Client(url.removesuffix("/behind/a/proxy/").removeprefix("http://") + prefix) as client:
        client.models()

    assert handler.received == [(sent, None)]


def test_a_server_that_has_moved_says_where_to(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [(308, {"Location": "https://example.org/edge/"}, b"<html>")]

    with Client(url) as client, pytest.raises(RefusedError, match=r"at another address: https://example\.org/edge/"):
        client.models()


def test_an_answer_that_comes_before_the_image_is_whole_is_read() -> None:
    """A proxy with a bound of its own answers and closes, while the client still sends."""
    body = b'{"error": {"type": "BodyTooLarge", "message": "at most 1 MB"}}'
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        for _ in range(2):
            connection = listener.accept()[0]
            connection.settimeout(30)
            while b"\r\n\r\n" not in connection.recv(65536, socket.MSG_PEEK):
                pass
            head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(2**20):
                pass
            connection.close()

    listener.settimeout(60)
    thread = threading.Thread(target=refuse, daemon=True)
    thread.start()
    with listener, Client(f"127.0.0.1:{listener.getsockname()[1]}") as client:
        outcomes = list(client.predict_many([bytes(30_000_000)] * 2, connections=1))
    thread.join()

    assert ["at most 1 MB" in str(outcome.result) for outcome in outcomes] == [True, True]


def test_a_server_that_wants_too_long_a_wait_is_not_waited_for(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [(503, {"Retry-After": "100"}, BUSY[2])]

    with Client(url, max_wait_s=50) as client, pytest.raises(RefusedError, match="come back") as caught:
        client.models()
    assert (caught.value.status, caught.value.kind) == (503, "Busy")


def test_a_server_that_is_not_ready_is_asked_once(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [BUSY]

    with Client(url) as client:
        assert not client.ready()


def test_a_connection_that_the_server_has_closed_is_replaced(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [MODELS, (0, {}, b""), MODELS]

    with Client(url) as client:
        assert client.models() == client.models()

    assert len(handler.connections) == 2


def test_a_new_connection_that_breaks_is_an_error(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    handler.script += [(0, {}, b"")]

    with Client(url) as client, pytest.raises(UnreachableError, match="is the server running there"):
        client.models()


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (502, b"Bad Gateway"), (404, b"[]")])
def test_another_kind_of_server_is_refused(scripted: tuple[str, type[_Scripted]], status: int, body: bytes) -> None:
    url, handler = scripted
    handler.script += [(status, {}, body)]

    with Client(url) as client, pytest.raises(RefusedError) as caught:
        client.models()
    assert caught.value.status == status


def test_a_server_that_does_not_answer_in_time_is_named(scripted: tuple[str, type[_Scripted]]) -> None:
    url, handler = scripted
    silent = threading.Event()
    handler.do_GET = lambda self: silent.wait(30)  # type: ignore[method-assign, assignment, return-value]

    with Client(url, timeout_s=0.05) as client, pytest.raises(UnreachableError, match=r"did not answer within 0\.05"):
        client.ready()
    silent.set()


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://127.0.0.1", "http://", "http://127.0.0.1:many", ""),
        *("http://127.0.0.1/?model=a", "http://127.0.0.1/#a", "http://key@127.0.0.1/"),
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(UnreachableError, match="is not an address of a server"):
        Client(url)


def test_no_server_is_an_error_of_the_client() -> None:
    with Client("https://127.0.0.1:1", tls=ssl.create_default_context()) as client, pytest.raises(RemoteError):
        client.ready()


def test_why_an_answer_is_unknown_comes_along(familiar_model_path: Path) -> None:
    with running_server("--model", familiar_model_path, "--unknown-threshold", "0.99999") as server:
        client = Client(server.url)
        unlike, undecided = client.predict(colored(GREY)), client.predict(RED)
        client.close()
    with running_server("--model", familiar_model_path, "--min-familiarity", "off") as server:
        client = Client(server.url)
        known = client.predict(colored(GREY))
        client.close()

    assert (unlike.label, unlike.is_known, unlike.unknown_reason) == ("unknown", False, "unlike")
    assert (undecided.label, undecided.unknown_reason) == ("unknown", "undecided")
    assert unlike.familiarity == known.familiarity == pytest.approx(0.57735, abs=1e-4)
    assert (known.label, known.unknown_reason) == ("red", None)


def test_servers_that_say_nothing_of_familiarity_are_understood() -> None:
    document = {"label": "red", "known": True, "probability": 0.9, "top": [], "time_ms": 1.0}

    prediction = RemotePrediction.from_json(document, image="a.png")

    assert (prediction.familiarity, prediction.unknown_reason) == (None, None)
