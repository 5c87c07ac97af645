"""Sorting images into folders: nothing overwritten, nothing lost, nothing twice."""

import os
from pathlib import Path

import pytest

from edgecls.errors import ImageDecodeError, ImageReadError, OutputError
from edgecls.model_card import UNKNOWN
from edgecls.runtime.folders.sort_into import Sorter, Transfer
from edgecls.runtime.prediction import Outcome, Prediction

LABELS = ("红", "AC/DC")


def _outcome(path: Path, label: str, *, threshold: float | None = None) -> Outcome:
    probabilities = tuple(0.8 if label == one else 0.2 for one in LABELS)
    return Outcome(str(path), Prediction(str(path), LABELS, probabilities, 1.0, threshold))


def _sorter(root: Path, transfer: Transfer = Transfer.COPY) -> Sorter:
    return Sorter(root, (*LABELS, UNKNOWN), transfer=transfer)


def _files(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images called 1.jpg, all different, and one of the same content as the first."""
    for folder, content in {"a": "first", "b": "other", "c": "third", "d": "first"}.items():
        (tmp_path / "photos" / folder).mkdir(parents=True)
        (tmp_path / "photos" / folder / "1.jpg").write_text(content)
    return tmp_path / "photos"


@pytest.mark.parametrize("transfer", Transfer)
def test_same_names_get_numbers_and_same_contents_are_there_once(
    photos: Path, tmp_path: Path, transfer: Transfer
) -> None:
    sorter = _sorter(tmp_path / "out", transfer)

    for path in sorted(photos.rglob("*.jpg")):
        sorter.place(_outcome(path, "红"))

    assert _files(tmp_path / "out") == {"红/1.jpg": "first", "红/1-2.jpg": "other", "红/1-3.jpg": "third"}
    assert (sorter.sorted_count, sorter.done_count) == (3, 1)
    assert len(_files(photos)) == (4 if transfer is Transfer.COPY else 0)


def test_a_second_run_does_nothing_new(photos: Path, tmp_path: Path) -> None:
    for _ in range(2):
        sorter = _sorter(tmp_path / "out")
        for path in sorted(photos.rglob("*.jpg")):
            sorter.place(_outcome(path, "红"))
    before = _files(tmp_path / "out")

    assert len(before) == 3
    assert (sorter.sorted_count, sorter.done_count) == (0, 4)


def test_a_number_that_another_image_has_as_its_name_is_passed_over(tmp_path: Path) -> None:
    for name, content in {"x/1-2.jpg": "a", "x/1.jpg": "b", "y/1.jpg": "c"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    sorter = _sorter(tmp_path / "out")

    for name in ("x/1-2.jpg", "x/1.jpg", "y/1.jpg"):
        sorter.place(_outcome(tmp_path / name, "红"))

    assert _files(tmp_path / "out") == {"红/1-2.jpg": "a", "红/1.jpg": "b", "红/1-3.jpg": "c"}


def test_a_move_that_was_killed_half_way_is_ended(photos: Path, tmp_path: Path) -> None:
    sorter = _sorter(tmp_path / "out", Transfer.MOVE)
    (tmp_path / "out" / "红").mkdir()
    os.link(photos / "a" / "1.jpg", tmp_path / "out" / "红" / "1.jpg")

    sorter.place(_outcome(photos / "a" / "1.jpg", "红"))

    assert _files(tmp_path / "out") == {"红/1.jpg": "first"}
    assert not (photos / "a" / "1.jpg").exists()


def test_labels_that_cannot_be_folders_are_escaped_and_unknown_has_one(photos: Path, tmp_path: Path) -> None:
    sorter = _sorter(tmp_path / "out")

    sorter.place(_outcome(photos / "a" / "1.jpg", "AC/DC"))
    sorter.place(_outcome(photos / "b" / "1.jpg", "红", threshold=0.9))

    assert _files(tmp_path / "out") == {"AC%2FDC/1.jpg": "first", "unknown/1.jpg": "other"}


def test_a_faulty_image_stays_where_it_is(photos: Path, tmp_path: Path) -> None:
    fault = Outcome(str(photos / "a" / "1.jpg"), ImageDecodeError("damaged"))

    assert _sorter(tmp_path / "out", Transfer.MOVE).place(fault) is fault
    assert len(_files(photos)) == 4
    assert _files(tmp_path / "out") == {}


@pytest.mark.parametrize("transfer", Transfer)
def test_an_image_that_is_in_its_folder_stays_there(tmp_path: Path, transfer: Transfer) -> None:
    image = tmp_path / "红" / "1.jpg"
    image.parent.mkdir()
    image.write_text("only")
    (tmp_path / "same").symlink_to(tmp_path)

    for path in (image, tmp_path / "same" / "红" / "1.jpg"):
        _sorter(tmp_path, transfer).place(_outcome(path, "红"))

    assert image.read_text() == "only"


def test_of_a_link_what_it_leads_to_is_sorted_and_stays(photos: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.jpg"
    link.symlink_to(photos / "a" / "1.jpg")

    _sorter(tmp_path / "out", Transfer.MOVE).place(_outcome(link, "红"))

    assert not (tmp_path / "out" / "红" / "link.jpg").is_symlink()
    assert _files(tmp_path / "out") == {"红/link.jpg": "first"}
    assert not link.is_symlink()
    assert (photos / "a" / "1.jpg").exists()


def test_an_image_that_has_gone_is_a_fault_of_its_own(tmp_path: Path) -> None:
    outcome = _sorter(tmp_path / "out").place(_outcome(tmp_path / "gone.jpg", "红"))

    assert isinstance(outcome.result, ImageReadError)
    assert "gone since it was classified" in str(outcome.result)


def test_where_nothing_can_be_written_the_image_stays(photos: Path, tmp_path: Path) -> None:
    sorter = _sorter(tmp_path / "out", Transfer.MOVE)
    (tmp_path / "out" / "红").write_text("a file")

    with pytest.raises(OutputError, match=r"cannot move .*1\.jpg.*run it again"):
        sorter.place(_outcome(photos / "a" / "1.jpg", "红"))

    assert len(_files(photos)) == 4


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("Cat", "cat"), "'Cat' and 'cat' would be one folder"),
        (("a/b", "a%2Fb"), "would be one folder"),
        (("x" * 201, "b"), "longer than 200 bytes"),
        (("taken", "b"), "no folder"),
    ],
    ids=["case", "escape", "long", "file"],
)
def test_labels_that_cannot_be_folders_side_by_side_are_refused_beforehand(
    tmp_path: Path, labels: tuple[str, ...], message: str
) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(OutputError, match=message):
        Sorter(tmp_path, labels, transfer=Transfer.COPY)


def test_a_root_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="cannot make folder"):
        _sorter(tmp_path / "file" / "out")
