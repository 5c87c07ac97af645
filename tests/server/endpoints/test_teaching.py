"""/teach: labels, images, trainings, versions; nothing of it without a folder to teach in."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from taught_images import taught_image
from wsgi_client import Client, wsgi_client

from edgecls import Classifier
from edgecls.modelfile import read_model
from edgecls.runtime.opening import load
from edgecls.server.app import AppSettings, build_app
from edgecls.server.endpoints.openapi import openapi_document
from edgecls.server.models.repository import Repository
from edgecls.teaching.bounds import TeachingBounds
from edgecls.teaching.teaching import Teaching


@pytest.fixture(scope="module")
def teaching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teaching]:
    bounds = TeachingBounds(min_free_mb=0, max_images=10)
    teaching = Teaching(tmp_path_factory.mktemp("teach") / "colours", bounds)
    yield teaching
    teaching.close()


@pytest.fixture(scope="module")
def client(tiny_model_path: Path, teaching: Teaching) -> Client:
    repository = Repository([tiny_model_path], lambda file: load(file, "cpu"))
    repository.load_all()
    return wsgi_client(build_app(repository, AppSettings(max_body_bytes=100_000), teaching=teaching))


def test_a_model_is_taught_tried_used_corrected_and_undone(client: Client, teaching: Teaching) -> None:
    for label in ("AC/DC 红", "green"):
        for number in range(4):
            color = "green" if label == "green" else "red"
            answer = client("POST", "/teach/images", taught_image(color, number), query=f"label={quote(label)}&batch=1")
            assert answer.status == 200, answer.body
    path = client("GET", "/teach/images", query="label=green").json["images"][0]
    kept = client("POST", "/teach/images/keep", query=f"image={quote(path)}").json
    assert kept["undo"]["kind"] == "keep"
    assert client("POST", "/teach/undo").json["undo"]["kind"] == "add"
    thumbnail = client("GET", "/teach/images/thumbnail", query=f"image={quote(path)}")
    assert thumbnail.body.startswith(b"\xff\xd8\xff")
    assert client("POST", "/teach/training").json["training"]["state"] == "running"
    assert client("POST", "/teach/training").status == 409
    teaching.wait_for_training()

    state = client("GET", "/teach").json
    assert state["training"]["state"] == "finished", state["training"]
    (version,) = state["versions"]
    assert (version["number"], version["accuracy_of"]) == (1, "cross-validation")
    compared = client("POST", "/teach/versions/1/try", taught_image("red", 50)).json
    assert compared["answer"]["top"][0]["label"] == "AC/DC 红"
    assert compared["served"]["model"] == "colors"
    corrected = client("POST", "/teach/images", taught_image("red", 52), query="label=green&corrects=1").json
    assert corrected["label"] == "green"
    assert client("GET", "/teach").json["corrections"] == 1
    assert client("POST", "/teach/undo").json["corrections"] == 0
    assert client("POST", "/teach/images", taught_image("red", 52), query="label=green&corrects=9").status == 404
    assert client("POST", "/predict", taught_image("red", 50)).json["top"][0]["label"] == "red"
    assert client("POST", "/teach/versions/1/use").json["in_use"] == 1
    assert client("POST", "/predict", taught_image("red", 50)).json["top"][0]["label"] == "AC/DC 红"
    assert client("POST", "/predict", taught_image("red", 50), query="model=colors").json["top"][0]["label"] == "red"
    assert [model["name"] for model in client("GET", "/models").json["models"]] == ["colours", "colors"]
    assert client("POST", "/teach/versions/1/use").status == 409

    kept = client("POST", "/feedback", taught_image("red", 51), query="label=new+one&name=x.png").json
    assert (kept["label"], kept["model"]) == ("new one", "colours")
    assert client("GET", "/teach").json["corrections"] == 1
    assert client("POST", "/teach/undo").json["corrections"] == 0
    undone = client("POST", "/teach/undo").json
    assert undone["in_use"] is None
    assert client("POST", "/predict", taught_image("red", 50)).json["top"][0]["label"] == "red"
    assert [model["name"] for model in client("GET", "/models").json["models"]] == ["colors"]

    model = client("GET", "/teach/versions/1/model.onnx")
    (teaching.root.parent / "downloaded.onnx").write_bytes(model.body)
    assert read_model(teaching.root.parent / "downloaded.onnx").card.labels == ("AC/DC 红", "green")
    archive = zipfile.ZipFile(io.BytesIO(client("GET", "/teach/dataset.zip").body))
    assert len(archive.namelist()) == 9
    assert all(name.startswith("colours/") for name in archive.namelist())


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "status"),
    [
        ("POST", "/teach/labels", "", b"", 400),
        ("POST", "/teach/labels", f"label={'x' * 101}", b"", 422),
        ("POST", "/teach/labels/rename", "label=none&to=x", b"", 404),
        ("POST", "/teach/images", "label=x", b"text", 415),
        ("POST", "/teach/images", "label=x", b"", 400),
        ("POST", "/teach/images", "label=x", bytes(100_001), 413),
        ("POST", "/teach/images/remove", "image=../../x.png", b"", 404),
        ("POST", "/teach/images/keep", "image=../../x.png", b"", 404),
        ("GET", "/teach/images/thumbnail", "image=/etc/passwd", b"", 404),
        ("POST", "/teach/versions/9/use", "", b"", 404),
        ("POST", "/teach/versions/x/use", "", b"", 404),
        ("GET", "/teach/versions/9/model.onnx", "", b"", 404),
    ],
)
def test_what_cannot_be_done_is_refused(
    client: Client, method: str, path: str, query: str, body: bytes, status: int
) -> None:
    before = client("GET", "/teach").json["labels"]
    answer = client(method, path, body, query=query)

    assert answer.status == status, answer.body
    assert answer.json["error"]["message"]
    assert client("GET", "/teach").json["labels"] == before


def test_bounds_are_answered_with_their_status(client: Client) -> None:
    answers = [client("POST", "/teach/images", taught_image("blue", number), query="label=b") for number in range(11)]

    assert answers[-1].status == 413
    assert answers[-1].json["error"]["type"] == "TeachingLimit"


@pytest.mark.parametrize("path", ["/teach/labels?label=x", "/teach/undo", "/teach/training", "/teach/versions/1/use"])
def test_pages_of_other_sites_change_nothing(client: Client, path: str) -> None:
    path, _, query = path.partition("?")

    assert client("POST", path, query=query, origin="https://evil.example").status == 403


def test_nothing_of_it_is_there_without_a_folder(tiny_classifier: Classifier, tiny_model_path: Path) -> None:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    repository.load_all()
    client = wsgi_client(build_app(repository, AppSettings()))

    for path in openapi_document(teaches=True)["paths"]:
        if "teach" in path:
            assert client("GET", path.replace("{name}", "teach.js").replace("{number}", "1")).status == 404
    assert "/teach" not in json.dumps(openapi_document())
    assert "teach" not in client("GET", "/status").json
    assert b"teach" not in client("GET", "/").body


def test_the_document_describes_these_routes(client: Client) -> None:
    assert client("GET", "/web/teach/teach.js").status == 200
    assert client("GET", "/web/teach/../page.js").status == 404
    assert {path for path in client("GET", "/openapi.json").json["paths"] if "teach" in path} == {
        path for path in openapi_document(teaches=True)["paths"] if "teach" in path
    }
