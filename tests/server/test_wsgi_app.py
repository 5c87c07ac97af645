"""`edgecls.server.create_app` under a WSGI server that is not ours."""

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waitress.server import create_server
from waitress.wasyncore import close_all
from wsgi_client import wsgi_client

from edgecls import image
from edgecls.errors import ModelFileError, ServerError, SignatureError
from edgecls.server import create_app
from edgecls.server.middleware.middleware import SECURITY_HEADERS

RED = image.encode_png(np.full((40, 40, 3), (200, 0, 0), np.uint8))
MAX_UPLOAD_MB = 0.05


class _Waitress:
    """A running waitress.

    Attributes:
        port: Where it listens, on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: Any = None, *, chunked: bool = False, **headers: str
    ) -> tuple[int, HTTPMessage, bytes]:
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, fields, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()


@contextlib.contextmanager
def _under_waitress(app: Any) -> Iterator[_Waitress]:
    sockets: dict[int, Any] = {}
    server = create_server(app, sockets, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield _Waitress(server.effective_port)
    finally:
        server.task_dispatcher.shutdown()
        # The loop ends without sockets. It may be awake already, and closes them as soon as it has the lock.
        with server.trigger.lock:
            server.trigger.thunks.append(lambda: close_all(sockets, ignore_all=True))
            server.trigger.pull_trigger()
        thread.join()


@pytest.fixture(scope="module")
def waitress(tmp_path_factory: pytest.TempPathFactory, tiny_model_path: Path) -> Iterator[_Waitress]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("secret\n")
    options: dict[str, Any] = {"api_keys": keys, "allowed_hosts": ["api.example"], "max_upload_mb": MAX_UPLOAD_MB}
    with _under_waitress(create_app(tiny_model_path, cors_origins=["https://site.example"], **options)) as running:
        yield running


def test_it_answers_as_our_own_server(waitress: _Waitress) -> None:
    status, headers, body = waitress.ask("POST", "/predict/a%20b.png", RED, X_API_Key="secret")

    assert status == 200
    assert (json.loads(body)["label"], json.loads(body)["image"]) == ("red", "a b.png")
    assert {name: headers[name] for name, _ in SECURITY_HEADERS} == dict(SECURITY_HEADERS)


def test_the_page_probes_and_protocol_are_served(waitress: _Waitress) -> None:
    assert waitress.ask("GET", "/")[0] == 200
    assert waitress.ask("GET", "/readyz")[0] == 200
    status, headers, body = waitress.ask("HEAD", "/openapi.json", X_API_Key="secret")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1000
    status, _, body = waitress.ask("GET", "/v2/models/none", X_API_Key="secret")
    assert status == 404
    assert isinstance(json.loads(body)["error"], str)


def test_requests_are_counted(waitress: _Waitress) -> None:
    waitress.ask("POST", "/predict", RED, X_API_Key="secret")
    _, _, body = waitress.ask("GET", "/metrics", X_API_Key="secret")

    assert b"edgecls_predictions_total{" in body


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Host": "evil.example", "X_API_Key": "secret"}, 421, "MisdirectedRequest"),
        ({"Host": "api.example:80"}, 401, "Unauthorized"),
        ({"Authorization": "Bearer wrong"}, 401, "Unauthorized"),
    ],
)
def test_other_hosts_and_callers_without_a_key_are_refused(
    waitress: _Waitress, headers: dict[str, str], status: int, kind: str
) -> None:
    answered, fields, body = waitress.ask("POST", "/predict", RED, **headers)

    assert (answered, json.loads(body)["error"]["type"]) == (status, kind)
    assert fields["X-Content-Type-Options"] == "nosniff"


def test_named_sites_may_ask_beforehand_and_others_may_not(waitress: _Waitress) -> None:
    asked = {"Access_Control_Request_Method": "POST"}
    status, headers, _ = waitress.ask("OPTIONS", "/predict", Origin="https://site.example", **asked)
    assert (status, headers["Access-Control-Allow-Origin"]) == (204, "https://site.example")
    _, headers, _ = waitress.ask("OPTIONS", "/predict", Origin="https://other.example", **asked)
    assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_refused(waitress: _Waitress, chunked: bool) -> None:
    large = bytes(int(MAX_UPLOAD_MB * 2**20) + 1)
    body = (large[start : start + 4096] for start in range(0, len(large), 4096)) if chunked else large

    headers = {"Transfer_Encoding": "chunked"} if chunked else {}
    status, _, answer = waitress.ask("POST", "/predict", body, chunked=chunked, X_API_Key="secret", **headers)

    assert (status, json.loads(answer)["error"]["type"]) == (413, "BodyTooLarge")


def test_a_chunked_image_is_classified(waitress: _Waitress) -> None:
    pieces = (RED[start : start + 20] for start in range(0, len(RED), 20))
    status, _, body = waitress.ask(
        "POST", "/predict", pieces, chunked=True, X_API_Key="secret", Transfer_Encoding="chunked"
    )

    assert (status, json.loads(body)["label"]) == (200, "red")


def test_pages_of_other_sites_change_nothing(tiny_model_path: Path, tmp_path: Path) -> None:
    app = create_app(tiny_model_path, feedback=tmp_path / "fixed")
    with _under_waitress(app) as waitress:
        refused, _, _ = waitress.ask("POST", "/feedback?label=blue", RED, Origin="https://evil.example")
        own, _, _ = waitress.ask("POST", "/feedback?label=blue", RED, Origin=f"http://127.0.0.1:{waitress.port}")

    assert (refused, own) == (403, 200)


def test_it_follows_the_standard(tiny_model_path: Path) -> None:
    client = wsgi_client(create_app(tiny_model_path, allowed_hosts=["*"]))  # type: ignore[arg-type]

    assert client("GET", "/livez").json == {"live": True}
    assert client("POST", "/livez", b"body").status == 405
    assert client("POST", "/predict", RED).json["label"] == "red"
    assert client("GET", "/nothing").status == 404


def test_a_body_cut_short_or_of_unknown_length_is_refused(tiny_model_path: Path) -> None:
    app = create_app(tiny_model_path)

    def status(length: str, body: bytes) -> str:
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "QUERY_STRING": "", "HTTP_HOST": "localhost"}
        started: list[str] = []
        inner = {**environ, "CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO()}
        b"".join(app(inner, lambda status, headers: started.append(status)))
        return started[0][:3]

    assert [status("100", RED[:50]), status("x", RED), status("", RED), status(str(len(RED)), RED)] == [
        "400",
        "400",
        "400",
        "200",
    ]


def test_what_cannot_be_used_is_raised(tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        create_app(tmp_path / "bad.onnx")
    with pytest.raises(ServerError, match="not a host"):
        create_app(tiny_model_path, allowed_hosts=["http://a"])


def test_models_that_are_not_signed_as_they_must_be_are_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    signed_files = pytest.importorskip("signed_files")
    private, public = signed_files.make_keys(tmp_path)
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_path.read_bytes())

    with pytest.raises(SignatureError, match="is not signed"):
        create_app(model, provider="cpu", require_signature=public)
    signed_files.sign(model, private)
    create_app(model, provider="cpu", require_signature=[public])
