"""The store of corrections: what it keeps, what it refuses, and that nothing is lost where there is no room."""

import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_model import tiny_model_bytes

from edgecls import Classifier, image
from edgecls.cli import main
from edgecls.dataset.formats.folders import read_class_folders
from edgecls.errors import ImageDecodeError, OutputError, ServerError
from edgecls.folder_lock import locked_folder
from edgecls.runtime.opening import load
from edgecls.server.endpoints.answers import refusal_of
from edgecls.server.models.served_model import ServedModel
from edgecls.server.storage import feedback_store as feedback
from edgecls.server.storage.feedback_store import BadLabelError, FeedbackBusyError, FeedbackFullError, FeedbackStore

MODEL_SHA256 = "5" * 64
PLENTY = 10**8


def _image(seed: int, side: int = 48) -> bytes:
    """Return an image that is mostly red, and unlike those of other seeds."""
    pixels = np.random.default_rng(seed).integers(0, 90, (side, side, 3), dtype=np.uint8)
    pixels[:, :, 0] += 150
    return image.encode_png(pixels)


RED = _image(0)


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


def test_an_image_is_kept_by_its_content_with_where_it_came_from(
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


def test_the_same_image_corrected_again_moves(store: FeedbackStore, root: Path, model: ServedModel) -> None:
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
        store.keep(_image(seed), ("green", "blue")[seed % 2], name="x.png", model=model)

    checked = CliRunner().invoke(main, ["data", "check", str(root)])
    images = read_class_folders(root)

    assert checked.exit_code == 0, checked.output
    assert images.labels == ("blue", "green")
    assert len(images.paths) == 6


@pytest.mark.parametrize("label", ["purple", "../red", "/etc", "", "RED"], ids=repr)
def test_a_label_that_the_model_does_not_have_is_refused(
    store: FeedbackStore, root: Path, model: ServedModel, label: str
) -> None:
    with pytest.raises(BadLabelError, match="has no label") as refused:
        store.keep(RED, label, name="a.png", model=model)

    assert refusal_of(refused.value).status == 422
    assert _files(root) == []


@pytest.mark.parametrize("label", ["../../up", "a/b", "C:\\x", ".hidden", "nul", "", "x" * 201], ids=repr)
def test_a_new_label_has_to_be_a_plain_folder_name(root: Path, tmp_path: Path, model: ServedModel, label: str) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)

    with pytest.raises(BadLabelError, match="cannot be the name of a class folder") as refused:
        store.keep(RED, label, name="a.png", model=model)

    assert refusal_of(refused.value).status == 422
    assert "--class" not in str(refused.value)  # which is an option of another command
    assert _files(tmp_path) == []


def test_a_new_label_is_taken_where_that_is_allowed(root: Path, model: ServedModel) -> None:
    FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True).keep(RED, "紫色", name="a.png", model=model)

    assert f"紫色/{_digest(RED)}.png" in _files(root)


def test_a_new_label_that_differs_from_an_old_one_in_case_only_is_refused(root: Path, model: ServedModel) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)
    store.keep(RED, "blue", name="a.png", model=model)

    with pytest.raises(BadLabelError, match="upper and lower case"):
        store.keep(_image(1), "Blue", name="a.png", model=model)


def test_labels_of_a_model_stay_in_the_folder_whatever_they_are(tmp_path: Path, root: Path) -> None:
    labels = ("../../escape", "AC/DC", "nul")
    (tmp_path / "odd.onnx").write_bytes(tiny_model_bytes(labels=labels))
    odd = ServedModel("odd", tmp_path / "odd.onnx", MODEL_SHA256, load(tmp_path / "odd.onnx", "cpu"))
    store = FeedbackStore(root, max_bytes=PLENTY)

    for seed, label in enumerate(labels):
        store.keep(_image(seed), label, name="../../../a.png", model=odd)

    folders = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    assert folders == ["%2E.%2F..%2Fescape", "%6Eul", "AC%2FDC"]
    assert {path.name for path in tmp_path.iterdir()} == {"feedback", "odd.onnx"}


def test_bytes_that_are_no_image_are_refused(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    with pytest.raises(ImageDecodeError):
        store.keep(b"<html>", "blue", name="a.png", model=model)

    assert _files(root) == []


def test_past_the_bound_nothing_more_is_stored_and_nothing_is_lost(root: Path, model: ServedModel) -> None:
    size = -(-len(RED) // 4096) * 4096 + 4096  # an image and its record, in blocks of the file system
    store = FeedbackStore(root, max_bytes=2 * size)
    store.keep(_image(0), "blue", name="a.png", model=model)
    store.keep(_image(1), "green", name="a.png", model=model)
    before = _files(root)

    with pytest.raises(FeedbackFullError, match="--feedback-max-mb") as refused:
        store.keep(_image(2), "red", name="a.png", model=model)

    assert refusal_of(refused.value).status == 507
    assert _files(root) == before
    assert not (root / "red").exists()


def test_in_a_full_folder_images_can_still_move(root: Path, model: ServedModel) -> None:
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

    store.keep(_image(1), "blue", name="a.png", model=model)

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

    with (
        _no_file_larger_than(1000),
        pytest.raises(FeedbackFullError, match="disk of the feedback folder is full") as refused,
    ):
        store.keep(RED, "green", name="b.png", model=model)

    assert refusal_of(refused.value).status == 507
    assert {name: (root / name).read_bytes() for name in _files(root)} == before
    assert not (root / "green").exists()


def test_a_file_in_the_way_of_a_class_folder_is_said(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    (root / "blue").write_text("notes")

    with pytest.raises(BadLabelError, match="is no folder") as refused:
        store.keep(RED, "blue", name="a.png", model=model)
    assert str(root) not in str(refused.value)  # which clients need not know


def test_a_folder_that_differs_in_case_only_is_said_without_its_path(root: Path, model: ServedModel) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)
    store.keep(_image(1), "mine", name="a.png", model=model)

    with pytest.raises(BadLabelError, match="the class folder 'mine' and 'Mine'") as refused:
        store.keep(_image(2), "Mine", name="a.png", model=model)
    assert str(root) not in str(refused.value)


def test_a_records_folder_that_has_gone_is_said(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    (root / ".corrections").rmdir()

    with pytest.raises(OutputError, match="check the feedback folder"):
        store.keep(RED, "blue", name="a.png", model=model)

    assert _files(root) == []


def test_a_folder_that_cannot_be_made_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ServerError, match="give another folder"):
        FeedbackStore(tmp_path / "file" / "feedback", max_bytes=PLENTY)


def test_a_new_label_is_told_apart_from_the_models_own_by_more_than_case(root: Path, model: ServedModel) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)

    with pytest.raises(BadLabelError, match="give the label as 'blue'") as refused:
        store.keep(RED, "BLUE", name="a.png", model=model)

    assert refusal_of(refused.value).status == 422
    assert _files(root) == []
    assert store.keep(RED, " blue ", name="a.png", model=model).label == "blue"
    assert store.keep(_image(1), "blue", name="a.png", model=model).label == "blue"


@pytest.mark.parametrize("takes_new_labels", [False, True])
def test_nothing_that_is_there_in_another_case_blocks_a_models_own_label(
    root: Path, model: ServedModel, takes_new_labels: bool
) -> None:
    (root / "BLUE").mkdir(parents=True)
    (root / "BLUE" / "older.png").write_bytes(RED)
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=takes_new_labels)

    correction = store.keep(_image(1), "blue", name="a.png", model=model)

    assert correction.label == "blue"
    assert (root / correction.file).read_bytes() == _image(1)
    assert (root / "BLUE" / "older.png").exists()


def test_a_new_label_does_not_take_the_folder_of_an_own_one_with_signs(tmp_path: Path, root: Path) -> None:
    (tmp_path / "odd.onnx").write_bytes(tiny_model_bytes(labels=("AC/DC", "x" * 300, "c")))
    odd = ServedModel("odd", tmp_path / "odd.onnx", MODEL_SHA256, load(tmp_path / "odd.onnx", "cpu"))
    store = FeedbackStore(root, max_bytes=PLENTY, takes_new_labels=True)

    assert store.keep(RED, "AC%2FDC", name="a.png", model=odd).label == "AC/DC"
    assert store.keep(RED, "other", name="a.png", model=odd).label == "other"
    with pytest.raises(BadLabelError, match="give the label as 'AC/DC'"):
        store.keep(RED, "ac%2fdc", name="a.png", model=odd)


CORRECTING = """
import hashlib, json, sys
from pathlib import Path
from edgecls.runtime.opening import load
from edgecls.server.storage.feedback_store import BadLabelError, FeedbackBusyError, FeedbackFullError, FeedbackStore
from edgecls.folder_lock import locked_folder
from edgecls.server.models.served_model import ServedModel

root, model_file, folder, label, rounds, max_bytes = sys.argv[1:]
images = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
model = ServedModel("colors", Path(model_file), "5" * 64, load(model_file, "cpu"))
store = FeedbackStore(Path(root), max_bytes=int(max_bytes))
for number in range(int(rounds)):
    print(number, flush=True)
    sys.stdin.readline()
    for image in images:
        file = store.keep(image, label, name="a.png", model=model).file
with locked_folder(store._records, timeout_s=60):
    print(store._sizes.look())
"""


def test_several_processes_correct_one_image_into_exactly_one_class(
    tmp_path: Path, root: Path, tiny_model_path: Path
) -> None:
    rounds, labels = 12, ("red", "green", "blue")
    (tmp_path / "images").mkdir()
    for seed in range(3):
        (tmp_path / "images" / f"{seed}.png").write_bytes(_image(seed))
    fixed = [sys.executable, "-c", CORRECTING, root, tiny_model_path, tmp_path / "images"]
    with contextlib.ExitStack() as at_end:
        correcting = [
            at_end.enter_context(
                subprocess.Popen(
                    [*fixed, label, str(rounds), str(PLENTY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for label in labels
        ]
        for process in correcting:
            at_end.callback(process.kill)
        streams = [(process.stdin, process.stdout) for process in correcting]
        for number in range(rounds):
            for stdin, stdout in streams:
                assert stdin is not None
                assert stdout is not None
                assert stdout.readline() == f"{number}\n", "it failed"
            for stdin, _ in streams:
                assert stdin is not None
                stdin.write("go\n")
                stdin.flush()
        taken = [process.communicate()[0].strip() for process in correcting]

    assert [process.returncode for process in correcting] == [0, 0, 0]
    for seed in range(3):
        digest = _digest(_image(seed))
        (stored,) = root.glob(f"[!.]*/{digest}.*")
        assert _record(root, _image(seed))["file"] == stored.relative_to(root).as_posix()
        assert _record(root, _image(seed))["label"] == stored.parent.name
    assert len(_files(root)) == 6
    size = sum(-(-(root / file).stat().st_size // 4096) * 4096 for file in _files(root))
    assert str(size) in taken  # whoever ended last knows what all have written


def test_only_what_others_have_changed_is_listed_again(
    root: Path, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FeedbackStore(root, max_bytes=PLENTY)
    for number, label in enumerate(("red", "green", "blue")):
        store.keep(_image(number), label, name="a.png", model=model)
    listed: list[str] = []
    list_folder = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(Path(path).name) or list_folder(path))

    store.keep(_image(3), "red", name="a.png", model=model)
    store.keep(_image(3), "green", name="a.png", model=model)
    assert set(listed) <= {root.name}

    another = FeedbackStore(root, max_bytes=PLENTY)
    another.keep(_image(4), "green", name="a.png", model=model)
    listed.clear()
    store.keep(_image(5), "red", name="a.png", model=model)
    assert set(listed) - {root.name} == {".corrections", "green"}


def test_an_image_that_somebody_has_moved_is_found(store: FeedbackStore, root: Path, model: ServedModel) -> None:
    store.keep(RED, "blue", name="a.png", model=model)
    (root / "by hand").mkdir()
    (root / "blue" / f"{_digest(RED)}.png").rename(root / "by hand" / f"{_digest(RED)}.png")

    store.keep(RED, "green", name="a.png", model=model)

    assert _files(root) == [f".corrections/{_digest(RED)}.json", f"green/{_digest(RED)}.png"]


def test_what_a_killed_process_has_left_on_its_way_is_removed(
    store: FeedbackStore, root: Path, model: ServedModel
) -> None:
    (root / "blue").mkdir()
    (root / "blue" / f".0123abcd-{_digest(RED)}.png").write_bytes(RED[:50])
    (root / ".corrections" / f".0123abcd-{_digest(RED)}.json").write_bytes(b"{")
    (root / "blue" / ".mine").write_text("kept")

    store.keep(RED, "green", name="a.png", model=model)

    assert _files(root) == [f".corrections/{_digest(RED)}.json", "blue/.mine", f"green/{_digest(RED)}.png"]


def test_a_process_that_keeps_the_folder_locked_makes_nobody_wait_for_ever(
    store: FeedbackStore, root: Path, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "PATIENCE_S", 0.05)
    with (
        locked_folder(root / ".corrections", timeout_s=1),
        pytest.raises(FeedbackBusyError, match="try again") as refused,
    ):
        store.keep(RED, "blue", name="a.png", model=model)
    with store._lock, pytest.raises(FeedbackBusyError, match="try again"):
        store.keep(RED, "blue", name="a.png", model=model)

    refusal = refusal_of(refused.value)
    assert (refusal.status, refusal.headers) == (503, {"Retry-After": "1"})
    assert _files(root) == []
    assert store.keep(RED, "blue", name="a.png", model=model).label == "blue"
