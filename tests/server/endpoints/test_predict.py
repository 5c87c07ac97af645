"""Predictions over HTTP: what they say of unknown images, and ?explain=1."""

import base64
from pathlib import Path

import numpy as np
import pytest
from familiar_model import DARK_RED, GREY, THRESHOLD, colored
from wsgi_client import Client, wsgi_client

from edgecls import Classifier, image, load
from edgecls.server.app import AppSettings, build_app
from edgecls.server.models.repository import Repository

HALVES = np.full((40, 80, 3), (0, 0, 200), np.uint8)
HALVES[:, :40] = (250, 0, 0)
IMAGE = image.encode_png(HALVES)  # red on the left, blue on the right


@pytest.fixture
def client(tiny_classifier: Classifier, tiny_model_path: Path) -> Client:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    repository.load_all()
    return wsgi_client(build_app(repository, AppSettings()))


@pytest.mark.parametrize("path", ["/predict", "/predict/halves.png"])
def test_an_explanation_comes_as_an_image_to_who_prefers_one(
    client: Client, tiny_classifier: Classifier, path: str
) -> None:
    answer = client("POST", path, IMAGE, query="explain=1", accept="image/png")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/png")
    assert answer.body == tiny_classifier.explain(IMAGE).overlay_png()


def test_an_explanation_comes_within_the_prediction_otherwise(client: Client, tiny_classifier: Classifier) -> None:
    answer = client("POST", "/predict", IMAGE, query="explain=1").json

    assert answer["label"] == "red"
    assert answer["explanation"]["label"] == "red"
    assert answer["explanation"]["method"] == "occlusion"
    assert base64.b64decode(answer["explanation"]["png"]) == tiny_classifier.explain(IMAGE).overlay_png()


def test_another_label_can_be_explained(client: Client, tiny_classifier: Classifier) -> None:
    answer = client("POST", "/predict", IMAGE, query="explain=1&label=blue").json

    assert answer["label"] == "red"
    assert answer["explanation"]["label"] == "blue"
    assert base64.b64decode(answer["explanation"]["png"]) == tiny_classifier.explain(IMAGE, label="blue").overlay_png()


def test_nothing_is_explained_unasked(client: Client) -> None:
    answer = client("POST", "/predict", IMAGE, accept="image/png")

    assert "explanation" not in answer.json


def test_each_file_of_a_form_is_explained(client: Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + IMAGE + b"\r\n"

    answer = client(
        "POST", "/predict", 2 * part + b"--b--\r\n", query="explain=1", content_type="multipart/form-data; boundary=b"
    )

    assert [len(result["explanation"]["png"]) > 1000 for result in answer.json["predictions"]] == [True, True]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("explain=yes", "explain must be 0, 1 or occlusion"),
        ("explain=1&label=purple", "has no label 'purple' to explain"),
    ],
)
def test_what_cannot_be_explained_is_refused(client: Client, query: str, message: str) -> None:
    answer = client("POST", "/predict", IMAGE, query=query)

    assert answer.status == 400
    assert message in answer.json["error"]["message"]


def test_an_answer_says_how_familiar_the_image_is_and_why_it_is_unknown(familiar_model_path: Path) -> None:
    repository = Repository([familiar_model_path], lambda file: load(file, "cpu"))
    repository.load_all()
    client = wsgi_client(build_app(repository, AppSettings()))

    known, unlike = (client("POST", "/predict", colored(color)).json for color in (DARK_RED, GREY))
    explained = client("POST", "/predict", colored(GREY), query="explain=1").json
    text = client("POST", "/predict", colored(GREY), accept="text/plain")

    assert (known["label"], known["known"], known["reason"]) == ("red", True, None)
    assert (unlike["label"], unlike["known"], unlike["reason"]) == ("unknown", False, "unlike")
    assert known["familiarity"] > THRESHOLD > unlike["familiarity"] == pytest.approx(0.57735, abs=1e-4)
    assert unlike["top"][0]["label"] == explained["explanation"]["label"] == "red"
    assert (explained["reason"], explained["familiarity"]) == ("unlike", unlike["familiarity"])
    assert text.body == b"unknown\n"
    assert "embedding" not in unlike
    (facts,) = client("GET", "/models").json["models"]
    assert facts["min_familiarity"] == client("GET", "/readyz").json["min_familiarity"] == THRESHOLD


def test_without_familiarity_it_is_null(client: Client) -> None:
    answer = client("POST", "/predict", IMAGE).json

    assert (answer["familiarity"], answer["reason"]) == (None, None)
    assert client("GET", "/models").json["models"][0]["min_familiarity"] is None
