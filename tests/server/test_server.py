"""The application as a whole, and its routes for predictions."""

import gzip
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest
from sent_requests import sent
from wsgi_client import Client, wsgi_client

import edgecls
from edgecls import Classifier, image
from edgecls.errors import ModelFileError
from edgecls.image_limits import ImageLimits
from edgecls.server.app import AppSettings, build_app
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.models.repository import Repository
from edgecls.server.storage.image_root import ImageRoot

RED = image.encode_png(np.full((6, 9, 3), (250, 0, 0), np.uint8))
GREEN = image.encode_png(np.full((6, 9, 3), (0, 250, 0), np.uint8))
HALF_A_JPEG = image.encode_jpeg(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), quality=90)
HALF_A_JPEG = HALF_A_JPEG[: len(HALF_A_JPEG) * 2 // 3] + b"\xff\xd9"
SETTINGS = AppSettings(max_body_bytes=100_000, max_files=3)


def _repository(classifier: Classifier, model_path: Path) -> Repository:
    repository = Repository([model_path], lambda file: classifier)
    repository.load_all()
    return repository


def _client(repository: Repository, root: Path | None) -> Client:
    return wsgi_client(build_app(repository, SETTINGS, image_root=None if root is None else ImageRoot(root)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "数据 集").mkdir(parents=True)
    (tmp_path / "root" / "red.png").write_bytes(RED)
    (tmp_path / "root" / "数据 集" / "猫🐱.png").write_bytes(GREEN)
    (tmp_path / "root" / "notes.txt").write_text("notes")
    return tmp_path / "root"


@pytest.fixture
def client(tiny_model_path: Path, root: Path) -> Client:
    classifier = edgecls.load(tiny_model_path, "cpu", limits=ImageLimits(max_pixels=10_000))
    return _client(_repository(classifier, tiny_model_path), root)


def _form(*files: tuple[str, bytes]) -> tuple[bytes, str]:
    parts = b"".join(
        b'--AaB\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), data)
        for name, data in files
    )
    return parts + b"--AaB--\r\n", "multipart/form-data; boundary=AaB"


def test_a_raw_body_is_classified(client: Client) -> None:
    answer = client("POST", "/predict", RED, content_type="image/png")

    assert answer.status == 200
    assert answer.json["image"] == "body"
    assert answer.json["label"] == "red"
    assert answer.json["probability"] == pytest.approx(0.9999, abs=1e-3)
    assert [score["label"] for score in answer.json["top"]] == ["red", "green", "blue"]
    assert answer.json["time_ms"] > 0


def test_a_body_needs_no_content_type(client: Client) -> None:
    assert client("POST", "/predict", RED).json["label"] == "red"


def test_a_name_in_the_address_comes_back(client: Client) -> None:
    assert client("POST", "/predict/猫 🐱.png", GREEN).json["image"] == "猫 🐱.png"


def test_a_form_with_several_files_gives_an_answer_for_each(client: Client) -> None:
    body, content_type = _form(("红.png", RED), ("bad.jpg", b"text"), ("绿.png", GREEN))

    answer = client("POST", "/predict", body, content_type=content_type, query="top=1")

    assert answer.status == 200
    first, fault, last = answer.json["predictions"]
    assert (first["image"], first["label"], len(first["top"])) == ("红.png", "red", 1)
    assert (fault["image"], fault["error"]["type"]) == ("bad.jpg", "UnsupportedImageError")
    assert (last["image"], last["label"]) == ("绿.png", "green")


def test_a_form_without_a_single_image_fails_with_the_first_fault(client: Client) -> None:
    body, content_type = _form(("a.jpg", b"text"), ("b.png", RED[:60]))

    answer = client("POST", "/predict", body, content_type=content_type)

    assert answer.status == 415
    assert answer.json["error"]["type"] == "UnsupportedImageError"
    assert [fault["error"]["type"] for fault in answer.json["predictions"]] == [
        "UnsupportedImageError",
        "ImageDecodeError",
    ]


def test_a_form_may_go_to_a_named_address(client: Client) -> None:
    body, content_type = _form(("upload.png", RED))

    answer = client("POST", "/predict/name.png", body, content_type=content_type)

    assert (answer.json["image"], answer.json["label"]) == ("name.png", "red")


def test_two_files_for_one_name_are_refused(client: Client) -> None:
    body, content_type = _form(("a", RED), ("b", RED))

    assert client("POST", "/predict/name.png", body, content_type=content_type).status == 400


@pytest.mark.parametrize(("name", "label"), [("red.png", "red"), ("数据 集/猫🐱.png", "green")])
def test_an_image_under_the_root_is_classified_by_name(client: Client, name: str, label: str) -> None:
    answer = client("GET", f"/predict/{name}")

    assert (answer.status, answer.json["image"], answer.json["label"]) == (200, name, label)


@pytest.mark.parametrize(
    "path",
    ["/predict/../secret", "/predict/../../etc/passwd", "/predict//etc/passwd", "/predict/gone.png", "/predict/"],
)
def test_nothing_outside_the_root_is_answered(client: Client, path: str) -> None:
    answer = client("GET", path)

    assert answer.status == 404
    assert set(answer.json["error"]) == {"type", "message"}


def test_a_file_that_is_no_image_does_not_leak_its_text(client: Client) -> None:
    answer = client("GET", "/predict/notes.txt")

    assert answer.status == 415
    assert b"notes" not in answer.body.replace(b"notes.txt", b"")


def test_without_a_root_no_image_is_answered_by_name(tiny_classifier: Classifier, tiny_model_path: Path) -> None:
    answer = _client(_repository(tiny_classifier, tiny_model_path), None)("GET", "/predict/red.png")

    assert answer.status == 404
    assert "--image-root" in answer.json["error"]["message"]


def test_plain_text_gives_the_label_alone(client: Client) -> None:
    answer = client("POST", "/predict", RED, accept="text/plain, */*;q=0.1")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.body == b"red\n"


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "status", "kind"),
    [
        ("POST", "/predict", b"", "", 400, "BadRequest"),
        ("POST", "/predict", b"plain text", "", 415, "UnsupportedImageError"),
        ("POST", "/predict", RED[:60], "", 422, "ImageDecodeError"),
        ("POST", "/predict", HALF_A_JPEG, "explain=1", 422, "ImageDecodeError"),
        ("POST", "/predict", image.encode_png(np.zeros((101, 100, 3), np.uint8)), "", 413, "ImageTooLargeError"),
        ("POST", "/predict", bytes(100_001), "", 413, "BodyTooLarge"),
        ("POST", "/predict", RED, "top=0", 400, "BadRequest"),
        ("POST", "/predict", RED, "top=many", 400, "BadRequest"),
        ("POST", "/predict", RED, "top=" + "9" * 5000, 400, "BadRequest"),
        ("GET", "/nothing", b"", "", 404, "NotFound"),
        ("GET", "/predict", b"", "", 405, "MethodNotAllowed"),
        ("DELETE", "/predict/red.png", b"", "", 405, "MethodNotAllowed"),
        ("GET", "/web/../server.py", b"", "", 404, "NotFound"),
        ("GET", "/web/gone.js", b"", "", 404, "NotFound"),
    ],
)
def test_every_refusal_has_its_status_and_the_one_shape(
    client: Client, method: str, path: str, body: bytes, query: str, status: int, kind: str
) -> None:
    answer = client(method, path, body, query=query)

    assert answer.status == status
    assert answer.json["error"]["type"] == kind
    assert answer.json["error"]["message"]


def test_a_fault_of_ours_is_told_without_its_details(
    tiny_classifier: Classifier, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(Classifier, "predict_bytes", broken)
    app = build_app(_repository(tiny_classifier, tiny_model_path), SETTINGS)
    errors = io.StringIO()
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/predict", "CONTENT_LENGTH": str(len(RED))}
    environ |= {"wsgi.input": io.BytesIO(RED)}  # type: ignore[dict-item]
    setup_testing_defaults(environ)
    environ["wsgi.errors"] = errors  # type: ignore[assignment]
    started: list[Any] = []

    body = b"".join(app(environ, lambda status, headers, exc_info=None: started.append(status)))

    assert started == ["500 Internal Server Error"]
    assert json.loads(body)["error"]["type"] == "InternalError"
    assert b"secret detail" not in body
    assert "ZeroDivisionError" in errors.getvalue()


def test_live_and_ready_are_two_questions(tiny_classifier: Classifier, tiny_model_path: Path) -> None:
    starting = _client(Repository([tiny_model_path], lambda file: tiny_classifier), None)
    started = _client(_repository(tiny_classifier, tiny_model_path), None)

    assert starting("GET", "/livez").json == {"live": True}
    refused = starting("GET", "/readyz")
    assert (refused.status, refused.json["error"]["type"], refused.headers["Retry-After"]) == (503, "NotReady", "1")
    assert starting("POST", "/predict", RED).status == 503
    ready = started("GET", "/readyz")
    assert ready.status == 200
    assert ready.json["model"] == "colors"
    assert ready.json["provider"] == "cpu"


def test_without_a_key_nothing_is_told_but_whether_it_is_ready(
    tiny_classifier: Classifier, tiny_model_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("secret")
    app = build_app(_repository(tiny_classifier, tiny_model_path), SETTINGS, keys=ApiKeys(tmp_path / "keys"))
    client = wsgi_client(app)

    assert client("GET", "/readyz").json == {"ready": True}
    assert client("GET", "/readyz", x_api_key="wrong").json == {"ready": True}
    for given in ({"x_api_key": "secret"}, {"authorization": "Bearer secret"}):
        assert client("GET", "/readyz", **given).json["labels"] == ["red", "green", "blue"]
    assert client("GET", "/v2/health/ready").json == {"name": "edgecls", "live": True, "ready": True}


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=UTF-8"),
        ("/web/page.js", "text/javascript; charset=UTF-8"),
        ("/web/page.css", "text/css; charset=UTF-8"),
        ("/web/icon.svg", "image/svg+xml"),
    ],
)
def test_the_page_and_its_parts_are_served(client: Client, path: str, content_type: str) -> None:
    answer = client("GET", path)

    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)


def test_another_method_is_told_which_there_are(client: Client) -> None:
    assert client("DELETE", "/livez").headers["Allow"] == "GET"


def test_a_model_cannot_have_the_name_of_an_address(tiny_classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be called 'stats'; rename its file"):
        build_app(Repository([tmp_path / "stats.onnx"], lambda file: tiny_classifier), SETTINGS)


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(client: Client) -> None:
    page = client("GET", "/").body.decode()

    assert "<style" not in page
    assert "style=" not in page
    assert "onclick" not in page
    assert "//" not in page.replace("<!doctype html>", "")
    assert quote("<script>") not in page


def test_unsure_answers_are_unknown_with_their_candidates(tiny_model_path: Path) -> None:
    classifier = edgecls.load(tiny_model_path, "cpu", unknown_threshold=0.99999)
    strict = _client(_repository(classifier, tiny_model_path), None)

    answer = strict("POST", "/predict", RED)

    assert (answer.json["label"], answer.json["known"]) == ("unknown", False)
    assert answer.json["probability"] == answer.json["top"][0]["probability"] == pytest.approx(0.9999, abs=1e-3)
    assert answer.json["top"][0]["label"] == "red"
    assert strict("POST", "/predict", RED, accept="text/plain").body == b"unknown\n"
    assert strict("GET", "/readyz").json["unknown_threshold"] == 0.99999


@pytest.mark.parametrize(
    ("method", "path", "computes", "takes_body"),
    [
        ("POST", "/predict", True, True),
        ("POST", "/predict/a/猫.png", True, True),
        ("GET", "/predict/a.png", True, False),
        ("HEAD", "/predict/a.png", True, False),
        ("POST", "/models/a b/predict", True, True),
        ("HEAD", "/models/a/predict/b", True, False),
        ("POST", "/v2/models/a/infer", True, True),
        ("POST", "/v2/models/a/versions/1/infer", True, True),
        ("POST", "/v2/repository/models/a/load", True, True),
        ("POST", "/v2/repository/models/a/unload", False, True),
        ("POST", "/v2/repository/index", False, True),
        ("GET", "/predict", False, False),
        ("POST", "/v2/a/infer", False, False),
        ("POST", "/v2/models/a/b/infer", False, False),
        ("POST", "/livez", False, False),
        ("GET", "/livez", False, False),
        ("HEAD", "/readyz", False, False),
        ("GET", "/metrics", False, False),
        ("OPTIONS", "/predict", False, False),
        ("POST", "/feedback", True, False),
    ],
)
def test_every_request_has_its_queue_and_a_body_only_where_one_is_read(
    tiny_classifier: Classifier, tiny_model_path: Path, method: str, path: str, computes: bool, takes_body: bool
) -> None:
    settings = AppSettings(allow_model_control=True)
    app = build_app(_repository(tiny_classifier, tiny_model_path), settings)

    assert app.computes(method, path) is computes
    assert (app.check(sent(method, quote(path), Content_Length="9")) is None) is takes_body


def test_a_switched_off_address_says_so_before_a_body_arrives(
    tiny_classifier: Classifier, tiny_model_path: Path
) -> None:
    app = build_app(_repository(tiny_classifier, tiny_model_path), AppSettings())

    for path, status in (("/feedback", 404), ("/v2/repository/models/a/load", 403)):
        refusal = app.check(sent("POST", path, Content_Length="9"))
        assert refusal is not None
        assert refusal.status == status
        assert "start the server with" in str(refusal)


def test_a_packed_image_and_a_packed_form_are_classified_like_plain_ones(client: Client) -> None:
    form, content_type = _form(("a", RED), ("b", GREEN))

    one = client("POST", "/predict/rose", gzip.compress(RED), content_encoding="gzip")
    several = client("POST", "/predict", gzip.compress(form), content_encoding="gzip", content_type=content_type)

    assert (one.json["image"], one.json["label"]) == ("rose", "red")
    assert [answer["label"] for answer in several.json["predictions"]] == ["red", "green"]
    assert client("POST", "/predict", gzip.compress(bytes(200_000)), content_encoding="gzip").status == 413


def test_a_name_in_the_form_of_rfc_8187_comes_back_decoded(client: Client) -> None:
    head = b"--AaB\r\nContent-Disposition: form-data; name=file; filename*=UTF-8''%E7%8E%AB.jpg\r\n\r\n"

    answer = client(
        "POST", "/predict", head + RED + b"\r\n--AaB--\r\n", content_type="multipart/form-data; boundary=AaB"
    )

    assert answer.json["predictions"][0]["image"] == "玫.jpg"


def test_every_route_that_is_not_for_reading_is_closed_to_pages_of_others(
    tiny_classifier: Classifier, tiny_model_path: Path
) -> None:
    app = build_app(_repository(tiny_classifier, tiny_model_path), AppSettings(allow_model_control=True))
    client = wsgi_client(app)
    asked = {(route.method, route.rule.replace("<name>", "colors")) for route in app.routes if route.method != "GET"}

    refused = {
        path
        for method, path in asked
        if client(method, path, origin="http://evil.example", host="a.test").status == 403
    }

    assert refused == {
        "/feedback",
        "/v2/repository/models/colors/load",
        "/v2/repository/models/colors/unload",
    }
