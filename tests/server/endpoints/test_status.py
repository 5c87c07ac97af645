"""GET /status."""

from pathlib import Path

import numpy as np
import pytest
from wsgi_client import wsgi_client

import edgecls
from edgecls import Classifier, image
from edgecls.errors import ModelFileError
from edgecls.server.app import AppSettings, build_app
from edgecls.server.metrics.counters import PREDICTIONS
from edgecls.server.models.repository import Repository
from edgecls.server.storage.feedback_store import FeedbackStore
from edgecls.server.workers.board import Gathered

RED = image.encode_png(np.full((6, 9, 3), (250, 0, 0), np.uint8))


def test_the_status_says_what_is_served_on_what(tiny_classifier: Classifier, tiny_model_path: Path) -> None:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    client = wsgi_client(build_app(repository, AppSettings()))
    loading = client("GET", "/status").json
    repository.load_all()
    ready = client("GET", "/status").json

    assert loading["models"] == [{"name": "colors", "state": "LOADING", "reason": ""}]
    (model,) = ready["models"]
    assert (model["state"], model["labels"]) == ("READY", ["red", "green", "blue"])
    assert (model["architecture"], model["precision"], model["provider"]) == ("mean_color", "float32", "cpu")
    assert model["image"] == {"height": 8, "width": 8, "color": "rgb"}
    assert len(model["sha256"]) == 64
    assert model["skipped"] == []
    assert ready["version"] == edgecls.__version__
    assert ready["uptime_s"] >= loading["uptime_s"] >= 0


def test_images_that_got_an_answer_are_those_of_all_processes(
    tiny_classifier: Classifier, tiny_model_path: Path
) -> None:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    snapshots = [{PREDICTIONS.name: {("a", "red"): [count], ("a", "blue"): [2.0]}} for count in (3.0, 5.0)]
    client = wsgi_client(build_app(repository, AppSettings(), gather=lambda: Gathered([], snapshots)))

    assert client("GET", "/status").json["images_answered"] == 12


def test_a_model_that_cannot_be_loaded_is_listed_with_the_reason(tiny_model_path: Path) -> None:
    def load(file: Path) -> Classifier:
        raise ModelFileError("it is damaged")

    repository = Repository([tiny_model_path], load)
    with pytest.raises(ModelFileError):
        repository.load_all()

    (model,) = wsgi_client(build_app(repository, AppSettings()))("GET", "/status").json["models"]

    assert model == {"name": "colors", "state": "UNAVAILABLE", "reason": "it is damaged"}


@pytest.mark.parametrize("new_labels", [False, True])
def test_the_page_learns_which_corrections_are_taken(
    tiny_classifier: Classifier, tiny_model_path: Path, tmp_path: Path, new_labels: bool
) -> None:
    repository = Repository([tiny_model_path], lambda file: tiny_classifier)
    store = FeedbackStore(tmp_path, max_bytes=10**6, takes_new_labels=new_labels)

    with_store = wsgi_client(build_app(repository, AppSettings(), feedback=store))
    without = wsgi_client(build_app(repository, AppSettings()))

    assert with_store("GET", "/status").json["feedback"] == {"new_labels": new_labels}
    assert without("GET", "/status").json["feedback"] is None
