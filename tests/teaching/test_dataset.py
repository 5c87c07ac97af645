"""The taught dataset: labels of any characters, images by content, bounds, and an undo for every step."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from taught_images import taught_image

from edgecls import image
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError, ImageError, ServerError
from edgecls.teaching.bounds import (
    NotTaughtError,
    TaughtLabelError,
    TeachingBounds,
    TeachingConflictError,
    TeachingFullError,
    TeachingLimitError,
)
from edgecls.teaching.teaching import Teaching

AWKWARD = ["AC/DC", "红花 🌹", "..", "con", "a:b*c?", ".hidden", "C:\\x", "<b>bold</b>", "x" * 60, "trailing."]


@pytest.fixture
def teaching(tmp_path: Path) -> Iterator[Teaching]:
    teaching = Teaching(tmp_path / "taught", TeachingBounds(min_free_mb=0))
    yield teaching
    teaching.close()


def _again(teaching: Teaching, bounds: TeachingBounds | None = None) -> Teaching:
    teaching.close()
    return Teaching(teaching.root, bounds or teaching.bounds)


def _labels(teaching: Teaching) -> dict[str, int]:
    return {entry["label"]: entry["images"] for entry in teaching.state()["labels"]}


def _files(teaching: Teaching) -> dict[str, bytes]:
    """Return every image in the class folders, by its path."""
    return {
        path.relative_to(teaching.root).as_posix(): path.read_bytes()
        for path in teaching.root.rglob("*.png")
        if not path.relative_to(teaching.root).parts[0].startswith(".")
    }


def test_what_is_taught_is_an_ordinary_dataset(teaching: Teaching) -> None:
    for color in ("red", "green"):
        for number in range(3):
            teaching.add_image(taught_image(color, number), color, name=f"{number}.png")

    found = read_dataset(teaching.root).whole
    assert found.counts == {"green": 3, "red": 3}
    assert _labels(teaching) == {"red": 3, "green": 3}  # in the order in which they came


@pytest.mark.parametrize("label", AWKWARD)
def test_a_label_may_have_any_characters(teaching: Teaching, label: str) -> None:
    added = teaching.add_image(taught_image("red", 1), label, name="1.png")

    assert teaching.image_file(added.image).read_bytes() == taught_image("red", 1)
    assert teaching.image_file(added.image).resolve().parent.parent == teaching.root.resolve()
    assert teaching.images(label) == [added.image]
    again = _again(teaching)
    assert _labels(again) == {label: 1}
    again.close()


@pytest.mark.parametrize("label", ["", "   ", "x" * 101, "花" * 80])
def test_a_label_that_cannot_name_a_folder_is_refused(teaching: Teaching, label: str) -> None:
    with pytest.raises(TaughtLabelError, match="give another label"):
        teaching.add_label(label)

    assert _labels(teaching) == {}


def test_labels_that_differ_in_case_only_are_refused(teaching: Teaching) -> None:
    teaching.add_label("Rose")

    with pytest.raises(TaughtLabelError, match="upper and lower case"):
        teaching.add_label("rose")


def test_an_image_is_there_once_and_its_last_label_counts(teaching: Teaching) -> None:
    data = taught_image("red", 1)
    first = teaching.add_image(data, "red", name="a.png")
    again = teaching.add_image(data, "red", name="b.png")
    other = teaching.add_image(data, "green", name="a.png")

    assert (first.before, again.before, other.before) == (None, "red", "red")
    assert list(_files(teaching)) == [other.image]
    assert _labels(teaching) == {"red": 0, "green": 1}
    teaching.undo()
    assert _labels(teaching) == {"red": 1}


STEPS: dict[str, Callable[[Teaching], object]] = {
    "add": lambda teaching: teaching.add_image(taught_image("red", 9), "red", name="9.png"),
    "add with a new label": lambda teaching: teaching.add_image(
        taught_image("red", 9), "new", name="9.png", batch="one"
    ),
    "label": lambda teaching: teaching.add_label("new"),
    "rename": lambda teaching: teaching.rename_label("red", "crimson/红"),
    "forget": lambda teaching: teaching.remove_label("red"),
    "move": lambda teaching: teaching.move_image(teaching.images("red")[0], "green"),
    "remove": lambda teaching: teaching.remove_image(teaching.images("red")[0]),
    "remove the last": lambda teaching: teaching.remove_image(teaching.images("green")[0]),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_step_can_be_undone_also_after_a_restart(teaching: Teaching, step: Callable[[Teaching], object]) -> None:
    for number in range(2):
        teaching.add_image(taught_image("red", number), "red", name=f"{number}.png")
    teaching.add_image(taught_image("green", 0), "green", name="0.png")
    files, labels = _files(teaching), _labels(teaching)

    step(teaching)
    assert (_files(teaching), _labels(teaching)) != (files, labels)
    again = _again(teaching)
    again.undo()

    assert (_files(again), _labels(again)) == (files, labels)
    again.close()


def test_all_can_be_undone_to_the_first_step(teaching: Teaching) -> None:
    for step in STEPS:
        if step == "add":
            STEPS[step](teaching)
            teaching.add_image(taught_image("green", 0), "green", name="0.png")
    for step in ("rename", "label", "add with a new label"):
        STEPS[step](teaching)
    teaching.move_image(teaching.images("green")[0], "crimson/红")
    teaching.remove_label("crimson/红")
    while teaching.state()["undo"]:
        teaching.undo()

    assert _files(teaching) == {}
    assert _labels(teaching) == {}
    with pytest.raises(TeachingConflictError, match="nothing to undo"):
        teaching.undo()


def test_images_that_came_together_are_undone_together(teaching: Teaching) -> None:
    for number in range(4):
        teaching.add_image(taught_image("red", number), "red", name="x.png", batch="" if number == 0 else "drop")

    assert teaching.state()["undo"] == {"kind": "add", "images": 3, "label": None, "version": None}
    teaching.undo()
    assert _labels(teaching) == {"red": 1}


def test_an_undo_overwrites_nothing(teaching: Teaching) -> None:
    path = teaching.add_image(taught_image("red", 1), "red", name="1.png").image
    teaching.remove_image(path)
    (teaching.root / "red").mkdir()
    (teaching.root / path).write_bytes(taught_image("red", 2))

    with pytest.raises(TeachingConflictError, match="is in the way"):
        teaching.undo()

    assert (teaching.root / path).read_bytes() == taught_image("red", 2)
    (teaching.root / path).unlink()
    teaching.undo()
    assert (teaching.root / path).read_bytes() == taught_image("red", 1)


def test_a_dataset_that_was_there_before_can_be_taught_on(tmp_path: Path) -> None:
    for color in ("red", "green"):
        (tmp_path / "photos" / color / "inner").mkdir(parents=True)
        (tmp_path / "photos" / color / "inner" / "bild.png").write_bytes(taught_image(color, 1))

    teaching = Teaching(tmp_path / "photos")
    teaching.add_image(taught_image("red", 2), "red", name="2.png")
    before = _files(teaching)
    teaching.rename_label("green", "grün")
    teaching.remove_label("red")
    assert _labels(teaching) == {"grün": 1}
    teaching.undo()
    teaching.undo()

    assert _files(teaching) == before
    teaching.close()


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        (TeachingBounds(max_images=2, min_free_mb=0), TeachingLimitError),
        (TeachingBounds(max_labels=1, min_free_mb=0), TeachingLimitError),
        (TeachingBounds(max_mb=0.05, min_free_mb=0), TeachingFullError),
        (TeachingBounds(min_free_mb=1e12), TeachingFullError),
    ],
    ids=["images", "labels", "size", "free space"],
)
def test_bounds_hold_and_what_is_there_stays(
    teaching: Teaching, bounds: TeachingBounds, error: type[Exception]
) -> None:
    teaching.add_image(taught_image("red", 1), "red", name="1.png")
    teaching.add_image(taught_image("red", 2), "red", name="2.png")
    files = _files(teaching)
    bounded = _again(teaching, bounds)

    with pytest.raises(error):
        [bounded.add_image(taught_image("green", number), "green", name="x.png") for number in range(10)]

    assert files.items() <= _files(bounded).items()
    assert len(_files(bounded)) <= 12
    bounded.remove_image(bounded.images("red")[0])  # which makes room
    bounded.close()


@pytest.mark.parametrize("data", [b"text", b"", taught_image("red", 1)[:-40]], ids=["text", "empty", "cut"])
def test_only_images_are_kept(teaching: Teaching, data: bytes) -> None:
    with pytest.raises(ImageError):
        teaching.add_image(data, "red", name="x.png")

    assert _labels(teaching) == {}
    assert list(teaching.root.glob("*")) == [teaching.root / ".edgecls-teaching"]


@pytest.mark.parametrize(
    "path", ["../outside.png", "red/../../outside.png", "/etc/hostname.png", ".edgecls-teaching/kept/x.png", "red", ""]
)
def test_nothing_outside_the_class_folders_is_reached(teaching: Teaching, path: str) -> None:
    (teaching.root.parent / "outside.png").write_bytes(taught_image("red", 1))
    (teaching.root / ".edgecls-teaching" / "kept" / "x.png").write_bytes(taught_image("red", 1))
    teaching.add_image(taught_image("red", 1), "red", name="1.png")

    for action in (teaching.image_file, teaching.remove_image, lambda path: teaching.move_image(path, "red")):
        with pytest.raises(NotTaughtError):
            action(path)


def test_few_images_and_look_alikes_are_warned_of(teaching: Teaching) -> None:
    assert teaching.state()["warnings"] == [{"kind": "labels"}]
    for number in range(10):
        teaching.add_image(taught_image("red", number), "red", name="x.png")
    original = image.decode(taught_image("red", 3))
    brighter = image.encode_png(np.clip(original.astype(int) + 6, 0, 255).astype(np.uint8))
    alike = teaching.add_image(brighter, "green", name="x.png").image

    warnings = teaching.state()["warnings"]
    assert [one for one in warnings if one["kind"] == "few"] == [
        {"kind": "few", "label": "green", "images": 1, "enough": 10}
    ]
    (pair,) = [one for one in warnings if one["kind"] == "alike"]
    assert pair["labels"] == ["green", "red"]
    assert alike in pair["images"]
    teaching.undo()
    assert [one["kind"] for one in teaching.state()["warnings"]] == ["labels"]


def test_the_zip_holds_the_dataset_under_names_that_are_safe_everywhere(teaching: Teaching, tmp_path: Path) -> None:
    for number, label in enumerate(AWKWARD):
        teaching.add_image(taught_image("red", number), label, name="x.png")
    manual = teaching.root / "by hand"
    manual.mkdir()
    (manual / "a\nb:c.png").write_bytes(taught_image("green", 1))

    archive = zipfile.ZipFile(io.BytesIO(b"".join(teaching.zipped())))

    assert archive.testzip() is None
    for name in archive.namelist():
        parts = name.split("/")
        assert parts[0] == "taught"
        assert not {"", ".", ".."} & set(parts)
        assert not any(set(part) & set('\\:*?"<>|\n') or part.endswith(".") or part.startswith(".") for part in parts)
    archive.extractall(tmp_path / "out")
    table = (tmp_path / "out" / "taught" / "labels.csv").read_text(encoding="utf-8")
    labels = list(csv.DictReader(io.StringIO(table)))
    assert {row["label"] for row in labels} == {*AWKWARD, "by hand"}
    assert all((tmp_path / "out" / "taught" / row["path"]).is_file() for row in labels)
    assert len(read_dataset(tmp_path / "out" / "taught").whole.paths) == len(AWKWARD) + 1


def test_one_program_at_a_time_teaches_in_a_folder(teaching: Teaching) -> None:
    with pytest.raises(ServerError, match="another program is teaching"):
        Teaching(teaching.root)

    again = _again(teaching)
    again.close()


def test_a_damaged_journal_is_refused_with_its_line(teaching: Teaching) -> None:
    teaching.add_label("red")
    teaching.close()
    journal = teaching.root / ".edgecls-teaching" / "steps.jsonl"
    good = journal.read_bytes()
    for bad in (
        b'{"step": 1}\n',
        b"nonsense\n",
        b'{"undo": 1}\n',
        b'{"step":9,"kind":"add","moves":[["../a","b"]],"facts":{}}\n',
    ):
        journal.write_bytes(good + bad)
        with pytest.raises(DatasetError, match="damaged"):
            Teaching(teaching.root)
    journal.write_bytes(good + b'{"step": 2, "kind": "lab')  # cut short by a kill: it was not done
    again = Teaching(teaching.root)
    assert _labels(again) == {"red": 0}
    again.close()
    assert all(json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines())
