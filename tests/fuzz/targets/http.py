"""What comes over the network: HTTP, forms, the Open Inference Protocol in JSON, binary and gRPC; answers."""

import contextlib
import functools
import gzip
import io
import json
import random
import re
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from google.protobuf.message import DecodeError
from tiny_model import tiny_model_bytes

from edgecls import image
from edgecls.client.client import Client
from edgecls.errors import EdgeclsError
from edgecls.image import ImageLimits
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load
from edgecls.server import create_app
from edgecls.server.app import AppSettings, build_app
from edgecls.server.dispatch.wsgi import Work, WorkedAnswer, WsgiApplication, call_wsgi
from edgecls.server.endpoints.bodies import decompress, read_uploads
from edgecls.server.http.forwarded import TrustedProxies
from edgecls.server.http.limits import BodiesBudget, HttpLimits
from edgecls.server.http.messages import Refusal, Request
from edgecls.server.http.request_parser import RequestParser
from edgecls.server.inference_protocol.inference import infer
from edgecls.server.metrics.statistics import Statistics
from edgecls.server.middleware.hosts import read_authority
from edgecls.server.models.repository import Readiness, Repository
from edgecls.server.storage.image_root import ImageRoot
from edgecls.server.workers.board import Gathered
from edgecls.teaching.bounds import TeachingBounds
from edgecls.teaching.teaching import Teaching
from fuzz.damage import mutated
from fuzz.target import Target, check
from fuzz.targets.models import damaged_message

MAX_BODY = 1 << 16
LIMITS = HttpLimits(max_body_bytes=MAX_BODY, max_bodies_bytes=1 << 20, max_head_bytes=4096)
FAILURES = {"500", "502", "504", "505"}
_PNG = image.encode_png(np.full((9, 7, 3), (200, 30, 20), np.uint8))
_FIELD_LINE = re.compile(rb"[A-Za-z0-9-]+: [^\r\n\0]*")


def parse_requests(data: bytes, folder: Path) -> None:
    """Requests as bytes: the same ones, however the network has cut them into pieces."""
    requests, refusal, has_begun = _parsed([data])
    chance = random.Random(len(data))
    for pieces in ([*_bytewise(data[:2000]), data[2000:]], _cut(data, chance), _cut(data, chance)):
        found = _parsed(pieces)
        if refusal is not None and not data.isascii():  # an address is put right only where a request begins a piece
            found = found[0][: len(requests)], *found[1:]
        check(found[0] == requests, f"in pieces they are {str(found[0])[:500]}, as a whole {str(requests)[:500]}")
        if refusal is None:
            check(found[1:] == (None, has_begun), f"in pieces the rest is {found[1:]}, as a whole it is {has_begun}")


def ask_server(data: bytes, folder: Path) -> None:
    """Requests to a server with all that it can have: an answer to each, in the form of its kind, and no failure."""
    requests, _, _ = _parse([data])
    apps = _apps(folder.parents[1] / "server")
    for request in requests:
        for app in apps:
            _check_answer(app, request)


def read_form(data: bytes, folder: Path) -> None:
    """A form with files, after a line with its Content-Type."""
    content_type, _, body = data.partition(b"\n")
    uploads = read_uploads(body, content_type.decode("latin-1"), max_files=5)
    check(1 <= len(uploads) <= 5, f"{len(uploads)} files")
    check(sum(len(upload.data) for upload in uploads) <= len(body), "more comes out than was in it")
    check(all(isinstance(upload.name, str) for upload in uploads), "a file without a name")


def unpack_body(data: bytes, folder: Path) -> None:
    """A compressed body, after a line with its Content-Encoding."""
    coding, _, body = data.partition(b"\n")
    unpacked = decompress(body, coding.decode("latin-1"), max_bytes=10_000)
    check(len(unpacked) <= 10_000 or coding.strip().lower() in (b"", b"identity"), f"{len(unpacked)} bytes come out")


def infer_over_http(data: bytes, folder: Path) -> None:
    """A request of the Open Inference Protocol, after a line with the length of its JSON: none, 0 or a number."""
    length, _, body = data.partition(b"\n")
    model = _repository().model()
    inference = infer(model, body, length.decode("latin-1") or None, queue_ns=0, began_ns=0)
    written = inference.body
    document = json.loads(written.data[: written.json_length], parse_constant=_no_constant)
    check(document["model_name"] == "colors" and document["outputs"], f"{document}")
    check(inference.predictions, "an answer without a prediction")


def infer_over_grpc(data: bytes, folder: Path) -> None:
    """A message to a method of the gRPC service, whose number comes first."""
    from edgecls.server.grpc.messages import METHODS, message_class
    from edgecls.server.grpc.service import stream_refusal

    name = METHODS[data[0] % len(METHODS)] if data else METHODS[0]
    message: Any = message_class(f"{name}Request")()
    message.ParseFromString(data[1:])
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")
    try:
        result = getattr(_service(), method)(message, Work())
    except (Refusal, EdgeclsError) as refusal:
        stream_refusal(data[1:], refusal if isinstance(refusal, Refusal) else Refusal(400, "", str(refusal)))
        raise
    if not isinstance(result, dict):
        check(isinstance(result.SerializeToString(), bytes), "no message")


def note_origin(data: bytes, folder: Path) -> None:
    """Header fields that a proxy adds, a line for each of X-Forwarded-For, -Proto and -Prefix, and Host."""
    lines = data.decode("latin-1").split("\n")
    names = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-prefix", "host")
    request = Request("GET", "/", "", "1.1", list(zip(names, lines, strict=False)), "10.0.0.1")
    TrustedProxies(["10.0.0.0/8", "::ffff:0:0/96"]).note_origin(request)
    check(request.scheme in ("", "http", "https"), f"scheme {request.scheme!r}")
    check(re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", request.prefix), f"prefix {request.prefix!r}")
    check(re.fullmatch(r"[0-9a-f.:]+", request.client), f"client {request.client!r}")
    check(BodiesBudget(1000).share_of(request.client).take(10), "no share of the memory")
    named = read_authority(request.header("host"))
    check(named is None or (named.host and (named.port or 0) <= 65535), f"{named}")


def read_answer(data: bytes, folder: Path) -> None:
    """The answer of a server to the client of edgecls, as bytes: a prediction, or an error that says what is wrong."""
    for ask in _QUESTIONS:
        client = Client("http://127.0.0.1:1", max_wait_s=0)
        client._transport._connection = lambda: _connection(data)  # type: ignore[method-assign]
        try:
            ask(client)
        except EdgeclsError as error:
            check(str(error).strip(), "an error without a message")


_QUESTIONS: tuple[Callable[[Client], object], ...] = (
    lambda client: repr(client.predict(_PNG)) + client.predict(_PNG)._repr_html_(),
    lambda client: [model.name for model in client.models()],
    lambda client: client.ready(),
    lambda client: [repr(outcome) + outcome._repr_html_() for outcome in client.predict_many([_PNG], connections=1)],
)


class _Socket:
    """Stands for a connection to a server that sends these bytes, whatever it is asked."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)

    def sendall(self, data: object) -> None:
        pass

    def close(self) -> None:
        pass


def _connection(data: bytes) -> Any:
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", 1)
    connection.auto_open = 0
    connection.sock = _Socket(data)  # type: ignore[assignment]
    return connection


_Parsed = tuple[list[Request], Refusal | None, bool]


def _parse(pieces: Sequence[bytes]) -> _Parsed:
    """Return the whole requests, why the rest is refused, and whether another one has begun."""
    parser = RequestParser(
        LIMITS, BodiesBudget(LIMITS.max_bodies_bytes).share_of("127.0.0.1"), lambda request: None, "127.0.0.1"
    )
    refusal = None
    try:
        for piece in pieces:
            parser.feed(memoryview(piece))
    except Refusal as error:
        refusal = error
    return list(parser.whole), refusal, parser.incoming is not None


def _parsed(pieces: Sequence[bytes]) -> tuple[list[object], object, bool]:
    """Return the same in a form that can be compared."""
    requests, refusal, has_begun = _parse(pieces)
    told: list[object] = [
        (one.method, one.path, one.query, one.version, one.headers, one.body, one.keep_alive) for one in requests
    ]
    return told, refusal and (refusal.status, refusal.kind), refusal is None and has_begun


def _bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _cut(data: bytes, chance: random.Random) -> list[bytes]:
    places = sorted(chance.randrange(len(data) + 1) for _ in range(3))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if start < end]


def _check_answer(app: WsgiApplication, request: Request) -> None:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        answer = call_wsgi(app, request)
    check(
        answer.status[:3] not in FAILURES,
        f"{answer.status} for {request.method} {request.path[:80]}: {errors.getvalue()[-600:]}",
    )
    if answer.pieces is not None:
        answer.body = b"".join(answer.pieces)
        answer.pieces = None
    head, _, body = answer.encode(request, close=False, now_s=0).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    check(lines[0].startswith(b"HTTP/1.1 ") and all(map(_FIELD_LINE.fullmatch, lines[1:])), f"a head of {head[:300]!r}")
    if request.method != "HEAD":
        _check_body(answer, body)


def _check_body(answer: WorkedAnswer, body: bytes) -> None:
    fields = {name.lower(): value for name, value in answer.headers}
    kind = fields.get("content-type", "")
    if kind.startswith("application/json") and "content-encoding" not in fields and body:
        length = next((int(value) for name, value in fields.items() if name == "inference-header-content-length"), None)
        document = json.loads(body[:length], parse_constant=_no_constant)
        if answer.status[0] in "45":
            check(isinstance(document, dict) and "error" in document, f"an error as {body[:200]!r}")


def _no_constant(name: str) -> None:
    check(False, f"{name} in JSON")


@functools.cache
def _apps(folder: Path) -> tuple[WsgiApplication, ...]:
    """Return applications that have everything switched on between them; they may write into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "images" / "red.png").write_bytes(_PNG)
    (folder / "colors.onnx").write_bytes(tiny_model_bytes())
    teaching = Teaching(folder / "taught", TeachingBounds(min_free_mb=0, max_mb=50, max_images=4, max_labels=4))
    settings = AppSettings(max_body_bytes=MAX_BODY, max_files=5)
    taught = build_app(_repository(), settings, teaching=teaching, image_root=ImageRoot(folder / "images"))
    guarded = create_app(
        folder / "colors.onnx",
        provider="cpu",
        tuned=False,
        max_megapixels=0.3,
        max_upload_mb=MAX_BODY / 2**20,
        image_root=folder / "images",
        feedback=folder / "feedback",
        allow_model_control=True,
        allowed_hosts="*",
        cors_origins="https://site.example",
    )
    return taught, guarded


@functools.cache
def _classifier() -> Classifier:
    return load(_model_path(), "cpu", limits=ImageLimits(max_bytes=MAX_BODY, max_pixels=300_000))


@functools.cache
def _model_path() -> Path:
    path = Path(tempfile.mkdtemp()) / "colors.onnx"  # in the folder of all temporary files of a run
    path.write_bytes(tiny_model_bytes())
    return path


@functools.cache
def _repository() -> Repository:
    repository = Repository([_model_path()], lambda file: _classifier())
    repository.load_all()
    return repository


@functools.cache
def _service() -> Any:
    from edgecls.server.grpc.service import InferenceService

    repository, statistics = _repository(), Statistics()
    return InferenceService(
        repository,
        Readiness(repository),
        statistics,
        lambda: Gathered([], [statistics.snapshot()]),
        allow_model_control=True,
    )


# Seeds


def _request(method: str, target: str, body: bytes = b"", *fields: str, chunked: bool = False) -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", *fields]
    if chunked:
        head.append("Transfer-Encoding: chunked")
        body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    elif body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def _form(*parts: tuple[str, bytes], boundary: str = "b-1") -> tuple[str, bytes]:
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {fields}\r\n\r\n".encode() + data + b"\r\n"
        for fields, data in parts
    )
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


_TWO_FILES = _form(
    ('name="file"; filename="a.png"', _PNG),
    ('name="note"', b"text"),
    ("name=file; filename*=UTF-8''%E7%BA%A2.png; filename=x.png", b"no image"),
)
_V2_JSON = {
    "id": "1",
    "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3], "data": [7] * 192}],
    "outputs": [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": True, "classification": 2}}],
}
_V2_HEAD = json.dumps(
    {
        "inputs": [
            {"name": "image", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(_PNG) + 4}}
        ],
        "parameters": {"binary_data_output": True},
    }
).encode()
_V2_BINARY = _V2_HEAD + len(_PNG).to_bytes(4, "little") + _PNG


def _requests() -> list[bytes]:
    kind, form = _TWO_FILES
    red = quote("红")
    return [
        _request("POST", "/predict?top=2", _PNG, "Accept: text/plain", "X-Request-ID: a"),
        _request("POST", f"/predict/{red}.png?explain=1&label=red", _PNG),
        _request("POST", "/predict", form, f"Content-Type: {kind}"),
        _request("POST", "/models/colors/predict?explain=occlusion", _PNG, "Accept: image/png", chunked=True),
        _request(
            "POST", "/predict", gzip.compress(_PNG, mtime=0), "Content-Encoding: gzip", "Accept-Encoding: gzip;q=0.5"
        ),
        _request("GET", "/predict/red.png") + _request("GET", "/predict/../colors.onnx"),
        _request("POST", "/v2/models/colors/infer", json.dumps(_V2_JSON).encode(), "Content-Type: application/json"),
        _request("POST", "/v2/models/colors/infer", _V2_BINARY, f"Inference-Header-Content-Length: {len(_V2_HEAD)}"),
        _request("POST", "/v2/models/colors/versions/1/infer", _PNG, "Inference-Header-Content-Length: 0"),
        *(
            _request("GET", target)
            for target in ("/", "/v2", "/v2/models/colors", "/v2/models/colors/config", "/v2/models/stats", "/metrics")
        ),
        *(
            _request("GET", target)
            for target in ("/openapi.json", "/status", "/models", "/livez", "/web/album.js", "/docs")
        ),
        _request("POST", "/v2/repository/index", b'{"ready": true}'),
        _request("POST", "/v2/repository/models/colors/unload", b"{}")
        + _request("POST", "/v2/repository/models/colors/load"),
        _request("POST", f"/feedback?label=red&name={red}", _PNG),
        _request("GET", "/teach") + _request("POST", f"/teach/labels?label={red}"),
        _request("POST", "/teach/images?label=red&name=a.png&batch=1", _PNG)
        + _request("GET", "/teach/images?label=red"),
        _request("POST", "/teach/labels/rename?label=red&to=green") + _request("POST", "/teach/undo"),
        _request("GET", "/teach/images/thumbnail?image=red/x.png") + _request("GET", "/teach/dataset.zip"),
        _request("POST", "/teach/versions/1/use") + _request("GET", "/teach/versions/1/model.onnx"),
        _request("OPTIONS", "/predict", b"", "Origin: https://site.example", "Access-Control-Request-Method: POST"),
        _request("HEAD", "http://localhost:80/v2?x=%ff#y", b"", "Connection: close"),
        _request("GET", "/", b"", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
    ]


def _v2_requests() -> list[bytes]:
    pixels = bytes(192)
    head = json.dumps(
        {
            "inputs": [
                {"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3], "parameters": {"binary_data_size": 192}}
            ]
        }
    ).encode()
    nested = {
        "inputs": [
            {"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3], "data": np.zeros((1, 8, 8, 3), int).tolist()}
        ]
    }
    encoded = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1, 1], "data": [["aGVsbG8="]]}]}
    return [
        b"\n" + json.dumps(_V2_JSON).encode(),
        b"\n" + json.dumps(nested).encode(),
        b"\n" + json.dumps(encoded).encode(),
        b"%d\n" % len(_V2_HEAD) + _V2_BINARY,
        b"%d\n" % len(head) + head + pixels,
        b"0\n" + _PNG,
        b"0\n" + pixels,
    ]


def _grpc_messages() -> list[bytes]:
    from edgecls.server.grpc.messages import METHODS, message_class

    def made(name: str, /, **fields: Any) -> bytes:
        message = message_class(f"{name}Request")(**fields)
        return bytes([METHODS.index(name)]) + message.SerializeToString()

    raw = {"name": "image", "datatype": "UINT8", "shape": [1, 8, 8, 3]}
    encoded = {"name": "image", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [_PNG]}}
    classes = {"name": "probabilities", "parameters": {"classification": {"int64_param": 2}}}
    return [
        made(
            "ModelInfer", model_name="colors", id="1", inputs=[raw], raw_input_contents=[bytes(192)], outputs=[classes]
        ),
        made("ModelInfer", model_name="colors", inputs=[encoded], parameters={"a": {"string_param": "b"}}),
        made("ModelInfer", inputs=[{**raw, "contents": {"uint_contents": [7] * 192}}]),
        made("ModelMetadata", name="colors", version="1"),
        made("ModelStatistics", name="colors"),
        made("RepositoryModelLoad", model_name="colors", parameters={"config": {"string_param": "{}"}}),
        *(made(name) for name in METHODS),
    ]


def _damaged_call(data: bytes, chance: random.Random, words: Sequence[bytes]) -> bytes:
    if chance.random() < 0.1:
        return mutated(data, chance, words)
    return data[:1] + damaged_message(data[1:], chance, words)


def _answers() -> list[bytes]:
    prediction = {
        "image": "a.png",
        "label": "red",
        "known": True,
        "reason": None,
        "probability": 0.9,
        "familiarity": 0.5,
        "top": [{"label": "red", "probability": 0.9}],
        "time_ms": 1.5,
    }

    def answer(status: str, document: Any, *fields: str) -> bytes:
        body = json.dumps(document).encode()
        return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body

    return [
        answer("200 OK", prediction),
        answer("200 OK", [{"name": "colors", "version": "1", "state": "READY", "reason": ""}]),
        answer("422 Unprocessable", {"error": {"type": "ImageDecodeError", "message": "it is cut short"}}),
        answer("415 Unsupported", {"error": {"type": "UnsupportedImageError", "message": "it is no image"}}),
        answer("413 Too Large", {"error": {"type": "BodyTooLarge", "message": "it is too large"}}),
        answer("503 Busy", {"error": {"type": "Busy", "message": "later"}}, "Retry-After: 1"),
        answer("400 Bad", {"error": "text"}),
        answer("301 Moved", {}, "Location: http://elsewhere.test/"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"<html>no HTTP</html>",
    ]


def _origins() -> list[bytes]:
    return [
        b"203.0.113.7, 10.0.0.3\nhttps\n/images\nlocalhost:8000",
        b"[2001:db8::1]:80\nHTTP\n/\n[::1]:80",
        b"::ffff:203.0.113.7\n\n/a/b.c/\nexample.org.",
        b"fe80::1%eth0, unknown\nws\n//evil\n1.2.3.4:99999",
    ]


def _forms() -> list[bytes]:
    kind, form = _TWO_FILES
    quoted = _form(('name="file"; filename="a \\"b\\";c.png"', b"x\r\n--b"), boundary="a")
    return [f"{kind}\n".encode() + form, b'multipart/form-data; boundary="a"\n' + quoted[1]]


def _packed() -> list[bytes]:
    bomb = zlib.compress(bytes(100_000))
    return [
        b"gzip\n" + gzip.compress(b"hello", mtime=0),
        b"Deflate \n" + zlib.compress(b"hello"),
        b"deflate\n" + bomb,
        b"\nhello",
    ]


_HTTP_WORDS = (
    *(
        b"GET",
        b"POST",
        b"HEAD",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
    ),
    *(
        b"Host: ",
        b"Expect: 100-continue",
        b"\r\n\r\n",
        b"\r\n ",
        b"0\r\n\r\n",
        b"5\r\nabcde\r\n",
        b"?top=2",
        b"&explain=1",
    ),
    *(b"%E7%BA%A2", b"%ff", b"%00", b"%2e%2e", b"/predict", b"/teach", b"/feedback?label=", b"/v2/models/colors/infer"),
    *(b"Content-Encoding: gzip", b"Content-Type: multipart/form-data; boundary=b", b"Accept: */*", b"Range: bytes=0-"),
    *(b"If-None-Match: *", b"Origin: null", b"Cookie: a", b"Inference-Header-Content-Length: 3", b"Upgrade: h2c"),
)
_FORM_WORDS = (
    b"--b-1",
    b"--b-1--",
    b"\r\n",
    b"filename=",
    b"filename*=",
    b"UTF-8''",
    b"name=",
    b"boundary=",
    b"Content-Type:",
)

TARGETS = (
    Target("http_requests", parse_requests, _requests, (), words=_HTTP_WORDS),
    Target("http_server", ask_server, _requests, (), words=_HTTP_WORDS, limit_s=20),
    Target("http_form", read_form, _forms, (Refusal,), words=_FORM_WORDS),
    Target("http_packed", unpack_body, _packed, (Refusal,)),
    Target(
        "v2_request",
        infer_over_http,
        _v2_requests,
        (Refusal, EdgeclsError),
        words=(b"UINT8", b"BYTES", b"shape", b'"data"'),
    ),
    Target(
        "grpc_request",
        infer_over_grpc,
        _grpc_messages,
        (Refusal, EdgeclsError, DecodeError),
        _damaged_call,
        needs=("grpc", "grpc_health"),
    ),
    Target(
        "proxy_fields",
        note_origin,
        _origins,
        (),
        words=(b"127.0.0.1", b"::1", b"[", b"]", b":80", b",", b"%25", b"unknown"),
    ),
    Target(
        "client_answer",
        read_answer,
        _answers,
        (),
        words=(b"HTTP/1.1 200 OK", b"Retry-After: 1", b"Location: ", b"null"),
    ),
)
