"""POST /feedback."""

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from wsgi_client import Client, wsgi_client

from edgecls import Classifier, image
from edgecls.server.app import AppSettings, build_app
from edgecls.server.models.repository import Repository
from edgecls.server.storage.feedback_store import FeedbackStore

RED = image.encode_png(np.full((6, 9, 3), (250, 0, 0), np.uint8))


@pytest.fixture
def repository(tiny_classifier: Classifier, tiny_model_path: Path) -> Repository:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    repository.load_all()
    return repository


@pytest.fixture
def client(repository: Repository, tmp_path: Path) -> Client:
    store = FeedbackStore(tmp_path / "feedback", max_bytes=10**7)
    return wsgi_client(build_app(repository, AppSettings(max_body_bytes=10_000), feedback=store))


def test_a_correction_is_stored_and_described(client: Client, tmp_path: Path) -> None:
    answer = client("POST", "/feedback", RED, query=f"label=blue&name={quote('花.png')}")

    assert answer.status == 200
    assert (answer.json["predicted"], answer.json["label"], answer.json["name"]) == ("red", "blue", "花.png")
    assert (tmp_path / "feedback" / answer.json["file"]).read_bytes() == RED


@pytest.mark.parametrize(
    ("body", "query", "status", "message"),
    [
        (RED, "", 400, "say what the image shows"),
        (RED, "label=%ff", 400, "say what the image shows"),
        (RED, "label=purple", 422, "has no label 'purple'"),
        (RED, "label=..%2F..%2Fred", 422, "has no label"),
        (RED, "label=red&model=other", 404, "there is no model 'other'"),
        (b"", "label=red", 400, "the body is empty"),
        (b"text", "label=red", 415, "not an image in a supported format"),
        (bytes(10_001), "label=red", 413, "larger than"),
    ],
    ids=["no-label", "not-unicode", "unknown-label", "escape", "unknown-model", "empty", "no-image", "too-large"],
)
def test_what_cannot_be_stored_is_refused(
    client: Client, body: bytes, query: str, status: int, message: str, tmp_path: Path
) -> None:
    answer = client("POST", "/feedback", body, query=query)

    assert answer.status == status
    assert message in answer.json["error"]["message"]
    assert [path for path in (tmp_path / "feedback").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_pages_of_others_cannot_send_corrections(client: Client, site: str, status: int) -> None:
    assert client("POST", "/feedback", RED, query="label=blue", sec_fetch_site=site).status == status


def test_without_a_folder_the_remedy_is_said(repository: Repository) -> None:
    answer = wsgi_client(build_app(repository, AppSettings()))("POST", "/feedback", RED, query="label=blue")

    assert answer.status == 404
    assert "--feedback DIR" in answer.json["error"]["message"]


def test_corrections_wait_with_all_that_computes(repository: Repository) -> None:
    app = build_app(repository, AppSettings())

    assert app.computes("POST", "/feedback")
    assert not app.computes("GET", "/feedback")
