"""The store of corrections: what it keeps, what it refuses, and that nothing is lost where there is no room."""

import hashlib
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_model import tiny_model_bytes

from edgecls import Classifier, image
from edgecls.cli import main
from edgecls.dataset.forms.class_folders import read_class_folders
from edgecls.errors import ImageDecodeError, OutputError, ServerError
from edgecls.runtime.opening import load
from edgecls.serving.feedback import FeedbackStore
from edgecls.serving.http.answer import Refusal
from edgecls.serving.repository.served_model import ServedModel

MODEL_SHA256 = "5" * 64
PLENTY = 10**8


def _picture(seed: int, side: int = 48) -> bytes:
    """Return a picture that is mostly red, and unlike those of other seeds."""
    pixels = np.random.default_rng(seed).integers(0, 90, (side, side, 3), dtype=np.uint8)
    pixels[:, :, 0] += 150
    return image.encode_png(pixels)


RED = _picture(0)


@pytest.fixture
def model(tiny_classifier: Classifier, tiny_model_path: Path) -> ServedModel:
    return ServedModel("colors", tiny_model_path, MODEL_SHA256, tiny_classifier)


@pytest.fixture
def store(tmp_path: Path) -> FeedbackStore:
    return FeedbackStore(tmp_path / "feedback", max_bytes=PLENTY)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "feedback"


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _record(root: Path, data: bytes) -> dict[str, object]:
    record: dict[str, object] = json.loads((root / ".corrections" / f"{_digest(data)}.json").read_text("utf-8"))
    return record


def test_a_picture_is_kept_by_its_content_with_where_it_came_from(
    store: FeedbackStore, root: Path, model: ServedModel
) -> None:
    correction = store.keep(RED, "blue", name="我的 花.png", model=model)

    assert _files(root) == [f".corrections/{_digest(RED)}.json", f"blue/{_digest(RED)}.png"]
    assert (root / correction.file).read_bytes() == RED
    record = _record(root, RED)
    assert record["label"] == "blue"
    assert record["predicted"] == "red"
    assert record["probability"] == pytest.approx(model.predict(RED, image_name="").probability, abs=1e-6)
    assert (record["model"], record["model_sha256"]) == ("colors", MODEL_SHA256)
    assert record["name"] == "我的 花.png"
    assert str(record["time"]).endswith("+00:00")
    assert "client" not in record


def test_the_same_picture_corrected_again_moves(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    store.keep(RED, "blue", name="a.png", model=model)
    store.keep(RED, "green", name="b.png", model=model)

    assert _files(root) == [f".corrections/{_digest(RED)}.json", f"green/{_digest(RED)}.png"]
    assert not (root / "blue").exists()  # an empty class could not be trained on
    assert _record(root, RED)["name"] == "b.png"


def test_the_same_correction_twice_is_one(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    store.keep(RED, "blue", name="a.png", model=model)
    store.keep(RED, "blue", name="b.png", model=model)

    assert _files(root) == [f".corrections/{_digest(RED)}.json", f"blue/{_digest(RED)}.png"]


def test_check_and_training_take_the_folder_as_it_is(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    for seed in range(6):
        store.keep(_picture(seed), ("green", "blue")[seed % 2], name="x.png", model=model)

    checked = CliRunner().invoke(main, ["data", "check", str(root)])
    pictures = read_class_folders(root)

    assert checked.exit_code == 0, checked.output
    assert pictures.labels == ("blue", "green")
    assert len(pictures.paths) == 6


@pytest.mark.parametrize("label", ["purple", "../red", "/etc", "", "RED"], ids=repr)
def test_a_label_that_the_model_does_not_have_is_refused(
    store: FeedbackStore, root: Path, model: ServedModel, label: str
) -> None:
    with pytest.raises(Refusal, match="has no label") as refused:
        store.keep(RED, label, name="a.png", model=model)

    assert refused.value.status == 422
    assert _files(root) == []


@pytest.mark.parametrize("label", ["../../up", "a/b", "C:\\x", ".hidden", "nul", "", "x" * 201], ids=repr)
def test_a_new_label_has_to_be_a_plain_folder_name(root: Path, tmp_path: Path, model: ServedModel, label: str) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)

    with pytest.raises(Refusal, match="cannot be the name of a class folder") as refused:
        store.keep(RED, label, name="a.png", model=model)

    assert refused.value.status == 422
    assert _files(tmp_path) == []


def test_a_new_label_is_taken_where_that_is_allowed(root: Path, model: ServedModel) -> None:
    FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True).keep(RED, "紫色", name="a.png", model=model)

    assert f"紫色/{_digest(RED)}.png" in _files(root)


def test_a_new_label_that_differs_from_an_old_one_in_case_only_is_refused(root: Path, model: ServedModel) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)
    store.keep(RED, "blue", name="a.png", model=model)

    with pytest.raises(Refusal, match="upper and lower case"):
        store.keep(_picture(1), "Blue", name="a.png", model=model)


def test_labels_of_a_model_stay_in_the_folder_whatever_they_are(tmp_path: Path, root: Path) -> None:
    labels = ("../../escape", "AC/DC", "nul")
    (tmp_path / "odd.onnx").write_bytes(tiny_model_bytes(labels=labels))
    odd = ServedModel("odd", tmp_path / "odd.onnx", MODEL_SHA256, load(tmp_path / "odd.onnx", "cpu"))
    store = FeedbackStore(root, max_bytes=PLENTY)

    for seed, label in enumerate(labels):
        store.keep(_picture(seed), label, name="../../../a.png", model=odd)

    folders = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    assert folders == ["%2E.%2F..%2Fescape", "%6Eul", "AC%2FDC"]
    assert {path.name for path in tmp_path.iterdir()} == {"feedback", "odd.onnx"}


def test_bytes_that_are_no_picture_are_refused(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    with pytest.raises(ImageDecodeError):
        store.keep(b"<html>", "blue", name="a.png", model=model)

    assert _files(root) == []


def test_past_the_bound_nothing_more_is_stored_and_nothing_is_lost(root: Path, model: ServedModel) -> None:
    size = -(-len(RED) // 4096) * 4096 + 4096  # a picture and its record, in blocks of the file system
    store = FeedbackStore(root, max_bytes=2 * size)
    store.keep(_picture(0), "blue", name="a.png", model=model)
    store.keep(_picture(1), "green", name="a.png", model=model)
    before = _files(root)

    with pytest.raises(Refusal, match="--feedback-max-mb") as refused:
        store.keep(_picture(2), "red", name="a.png", model=model)

    assert refused.value.status == 507
    assert _files(root) == before
    assert not (root / "red").exists()


def test_in_a_full_folder_pictures_can_still_move(root: Path, model: ServedModel) -> None:
    size = -(-len(RED) // 4096) * 4096 + 4096
    store = FeedbackStore(root, max_bytes=size)
    store.keep(RED, "blue", name="a.png", model=model)
    store.keep(RED, "green", name="a.png", model=model)

    assert _files(root)[1] == f"green/{_digest(RED)}.png"


def test_room_that_somebody_makes_by_hand_counts(root: Path, model: ServedModel) -> None:
    store = FeedbackStore(root, max_bytes=-(-len(RED) // 4096) * 4096 + 4096)
    store.keep(RED, "blue", name="a.png", model=model)
    for file in [path for path in root.rglob("*") if path.is_file()]:
        file.unlink()

    store.keep(_picture(1), "blue", name="a.png", model=model)

    assert len(_files(root)) == 2


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """Have the system refuse to write more into a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_loses_nothing(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    store.keep(RED, "blue", name="a.png", model=model)
    before = {name: (root / name).read_bytes() for name in _files(root)}

    with _no_file_larger_than(1000), pytest.raises(Refusal, match="disk of the feedback folder is full") as refused:
        store.keep(RED, "green", name="b.png", model=model)

    assert refused.value.status == 507
    assert {name: (root / name).read_bytes() for name in _files(root)} == before
    assert not (root / "green").exists()


def test_a_file_in_the_way_of_a_class_folder_is_said(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    (root / "blue").write_text("notes")

    with pytest.raises(Refusal, match="is no folder"):
        store.keep(RED, "blue", name="a.png", model=model)


def test_a_records_folder_that_has_gone_is_said(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    (root / ".corrections").rmdir()

    with pytest.raises(OutputError, match="see to the feedback folder"):
        store.keep(RED, "blue", name="a.png", model=model)

    assert _files(root) == []


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ServerError, match="give another folder"):
        FeedbackStore(tmp_path / "file" / "feedback", max_bytes=PLENTY)
