"""Training as a process of its own: versions with their facts, one at a time, cancelled, ended with its server."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from taught_images import taught_image

from edgecls.errors import DatasetError
from edgecls.modelfile import read_model
from edgecls.runtime.opening import load
from edgecls.teaching.bounds import NotTaughtError, TeachingBounds, TeachingConflictError
from edgecls.teaching.dataset import TaughtLabel
from edgecls.teaching.judgement import comparison, doubtful_images
from edgecls.teaching.teaching import Teaching, is_dataset
from edgecls.teaching.versions import model_title


def _teach(teaching: Teaching, *labels: str, images: int = 4) -> None:
    for label in labels:
        for number in range(images):
            teaching.add_image(taught_image(label.split("/")[0], number), label, name="x.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teaching]:
    teaching = Teaching(tmp_path_factory.mktemp("teach") / "colours", TeachingBounds(min_free_mb=0))
    _teach(teaching, "red/红", "green")
    teaching.train()
    teaching.wait_for_training()
    yield teaching
    teaching.close()


def test_a_training_makes_a_version_with_facts(trained: Teaching) -> None:
    state = trained.state()

    assert state["training"]["state"] == "finished", state["training"]
    (version,) = state["versions"]
    assert version["number"] == 1
    assert version["labels"] == ["green", "red/红"]
    assert version["images"] == 8
    assert 0 <= version["accuracy_interval"][0] <= version["accuracy"] <= version["accuracy_interval"][1] <= 1
    assert sum(row["images"] for row in version["per_label"]) == version["evaluated"] >= 2
    assert version["before"] is None
    assert read_model(trained.version(1).model).card.labels == ("green", "red/红")
    assert load(trained.version(1).model, "cpu").predict_bytes(taught_image("red", 99)).best_label == "red/红"
    assert not list((trained.root / ".edgecls-teaching" / "training").iterdir())
    assert state["undo"] == {"kind": "version", "images": 0, "label": None, "version": 1}


def test_a_version_is_used_and_both_are_undone(trained: Teaching) -> None:
    trained.use(1)
    assert trained.state()["in_use"] == 1
    with pytest.raises(TeachingConflictError, match="in use already"):
        trained.use(1)
    with pytest.raises(NotTaughtError):
        trained.use(2)
    trained.undo()
    assert trained.in_use is None


def test_a_second_training_is_refused_and_the_first_can_be_cancelled(tmp_path: Path) -> None:
    teaching = Teaching(tmp_path / "t", TeachingBounds(min_free_mb=0))
    with pytest.raises(TeachingConflictError, match="at least two"):
        teaching.train()
    _teach(teaching, "red", "green")
    teaching.train()
    assert teaching.state()["training"]["state"] == "running"
    with pytest.raises(TeachingConflictError, match="a training is running"):
        teaching.train()
    teaching.add_image(taught_image("blue", 1), "blue", name="x.png")  # the images may change meanwhile

    teaching.cancel_training()

    assert teaching.state()["training"]["state"] == "cancelled"
    assert teaching.state()["versions"] == []
    teaching.close()


def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    teaching = Teaching(tmp_path / "t", TeachingBounds(min_free_mb=0))
    _teach(teaching, "red", "green", images=2)
    for path in [*teaching.images("red"), *teaching.images("green")]:
        (teaching.root / path).write_bytes(b"damaged")
    teaching.train()
    teaching.wait_for_training()

    assert teaching.state()["training"]["state"] == "failed"
    assert "can be used" in teaching.state()["training"]["message"]
    teaching.close()


STARTS_TRAINING = """
import os, sys
from pathlib import Path
from edgecls.teaching.teaching import Teaching
from edgecls.teaching.bounds import TeachingBounds

teaching = Teaching(Path(sys.argv[1]), TeachingBounds(min_free_mb=0))
teaching.train()
print(teaching._training._process.pid, flush=True)
teaching.wait_for_training()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_training_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    teaching = Teaching(tmp_path / "t", TeachingBounds(min_free_mb=0))
    _teach(teaching, "red", "green")
    images = {path: teaching.image_file(path).read_bytes() for path in teaching.images("red")}
    teaching.close()
    program = subprocess.Popen([sys.executable, "-c", STARTS_TRAINING, str(teaching.root)], stdout=subprocess.PIPE)
    assert program.stdout is not None
    trainer = int(program.stdout.readline())
    program.send_signal(signal.SIGKILL)
    program.wait()
    program.stdout.close()

    again = Teaching(teaching.root, TeachingBounds(min_free_mb=0))
    assert {path: again.image_file(path).read_bytes() for path in again.images("red")} == images
    while again.state()["training"]["state"] == "idle":  # the folder is locked until the other has noticed
        with contextlib.suppress(TeachingConflictError):
            again.train()
    again.wait_for_training()

    assert again.state()["training"]["state"] == "finished"
    with pytest.raises(ProcessLookupError):
        os.kill(trainer, 0)
    again.close()


def _answer(image: str, label: str, predicted: str, probability: float, label_probability: float) -> dict[str, object]:
    return {
        "image": image,
        "label": label,
        "predicted": predicted,
        "probability": probability,
        "label_probability": label_probability,
    }


def test_doubtful_labels_are_those_that_another_label_beats_at_its_own_average() -> None:
    labels = [TaughtLabel("a", "a", ("a/1", "a/2", "a/3")), TaughtLabel("b", "b", ("b/1", "b/2"))]
    evaluated = [
        _answer("a/1", "a", "a", 0.9, 0.9),
        _answer("a/2", "a", "b", 0.95, 0.05),
        _answer("a/3", "a", "b", 0.55, 0.45),  # wrong, but not so sure as of others
        _answer("b/1", "b", "b", 0.9, 0.9),
        _answer("b/2", "b", "b", 0.8, 0.8),
        _answer("b/9", "b", "a", 0.99, 0.01),  # no longer there
    ]

    (found,) = doubtful_images(labels, evaluated)

    assert (found["image"], found["suggested"]) == ("a/2", "b")


def test_a_label_that_somebody_found_right_is_doubted_no_more_until_that_is_undone(tmp_path: Path) -> None:
    labels = [TaughtLabel("a", "a", ("a/1", "a/2")), TaughtLabel("b", "b", ("b/1",))]
    evaluated = [
        _answer("a/1", "a", "b", 0.9, 0.1),
        _answer("a/2", "a", "b", 0.9, 0.1),
        _answer("b/1", "b", "b", 0.8, 0.8),
    ]
    assert [one["image"] for one in doubtful_images(labels, evaluated, {"a/1"})] == ["a/2"]

    teaching = Teaching(tmp_path / "t", TeachingBounds(min_free_mb=0))
    _teach(teaching, "red", images=1)
    (path,) = teaching.images("red")
    teaching.keep_label(path)
    with pytest.raises(NotTaughtError):
        teaching.keep_label("red/none.png")
    assert teaching.state()["undo"] == {"kind": "keep", "images": 1, "label": None, "version": None}
    assert teaching._dataset.kept_labels == {path}
    teaching.close()
    again = Teaching(tmp_path / "t", TeachingBounds(min_free_mb=0))
    assert again._dataset.kept_labels == {path}
    assert again.undo().kind == "keep"
    assert again._dataset.kept_labels == frozenset()
    again.close()


def test_models_are_called_as_the_folder_is(trained: Teaching) -> None:
    version = trained.version(1)

    assert read_model(version.model).card.name == "colours"
    assert model_title(str(version.model)) == "colours 1"
    assert model_title("/somewhere/model.onnx") == "model"
    assert model_title("model.onnx") == "model"


def test_folders_of_splits_are_refused_and_others_told_from_datasets(tmp_path: Path) -> None:
    for path in ("splits/train/red/a.png", "splits/test/red/b.png", "data/red/a.png", "letters/old/letter.txt"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / "empty").mkdir()

    with pytest.raises(DatasetError, match="its folders are splits"):
        Teaching(tmp_path / "splits", TeachingBounds(min_free_mb=0))
    assert not (tmp_path / "splits" / ".edgecls-teaching").exists()
    looks = {name: is_dataset(tmp_path / name) for name in ("data", "letters", "empty", "missing")}
    assert looks == {"data": True, "letters": False, "empty": True, "missing": True}


def test_versions_are_compared_label_by_label_on_the_images_that_both_were_tested_on() -> None:
    before = {
        "labels": ["a", "b"],
        "evaluated": [_answer("a/1", "a", "b", 0.9, 0.1), _answer("a/2", "a", "a", 0.9, 0.9)],
    }
    now = {
        "labels": ["a", "b", "c"],
        "evaluated": [
            _answer("a/1", "a", "a", 0.9, 0.9),
            _answer("a/2", "a", "b", 0.9, 0.1),
            _answer("a/3", "a", "a", 0.9, 0.9),
            _answer("c/1", "c", "c", 0.9, 0.9),
        ],
    }

    a, b, c = comparison(before, now)

    assert (a["images"], a["right"], a["before"]) == (3, 2, {"images": 2, "right": 1})
    assert (a["newly_right"], a["newly_wrong"]) == (1, 1)
    assert (b["images"], b["before"]) == (0, {"images": 0, "right": 0})
    assert c["before"] is None
