"""What is said about a dataset before training on it."""

from pathlib import Path

import pytest
from scenes import write_scene

from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.notes import notes_on
from edgecls.image_spec import ImageSpec


def _notes(data: Path, side: int = 100, *, can_balance: bool = True) -> list[str]:
    return notes_on(data, read_dataset(data), ImageSpec(side, side), can_balance=can_balance)


def _write(data: Path, **counts: int) -> Path:
    for label, count in counts.items():
        for number in range(count):
            write_scene(data / label / f"{number}.png", number)
    return data


def test_of_good_data_nothing_is_said(tmp_path: Path) -> None:
    assert _notes(_write(tmp_path, a=20, b=40)) == []


@pytest.mark.parametrize(("can_balance", "end"), [(True, "; --class-weights balanced gives"), (False, "")])
def test_imbalance_is_told_with_its_ratio(tmp_path: Path, can_balance: bool, end: str) -> None:
    (note,) = _notes(_write(tmp_path, a=20, b=70), can_balance=can_balance)

    assert note.startswith(f"label 'b' has 3.5 times as many images as 'a' (70, 20){end}")


def test_labels_with_few_images_are_named(tmp_path: Path) -> None:
    (note,) = _notes(_write(tmp_path, a=19, b=20, **{f"c{number}": 10 for number in range(6)}))

    assert note.startswith("fewer than 20 images of 'c0' (10), 'c1' (10), 'c2' (10), 'c3' (10), 'c4' (10) and 2 more")


def test_images_that_are_small_for_the_model_are_told(tmp_path: Path) -> None:
    data = _write(tmp_path, a=20, b=20)

    (note,) = _notes(data, 224)

    assert note.startswith("100 % of the images are less than half as large as the 224x224 pixels")
    assert "the median is 120x90" in note
    assert _notes(data, 180) == []


def test_images_that_are_passed_over_are_told(tmp_path: Path) -> None:
    data = _write(tmp_path, a=20, b=20)
    for name in ("no ending", "1.jpg.bak"):
        (data / "a" / name).write_bytes((data / "a" / "0.png").read_bytes())
    (data / "a" / "notes.txt").write_text("notes")
    write_scene(data / "loose.png", 1)

    unnamed, outside = _notes(data)

    assert unnamed.startswith("ignored: 2 image(s) without the ending of an image, such as ")
    assert outside.startswith("ignored: 1 image(s) without a label outside the class folders, such as ")


def test_labels_that_look_the_same_are_told(tmp_path: Path) -> None:
    assert _notes(_write(tmp_path, Rose=20, rose=20)) == [
        "label 'rose' differs from 'Rose' in upper and lower case only"
    ]


def test_series_that_would_be_torn_are_told(tmp_path: Path) -> None:
    for seed in range(80):
        write_scene(tmp_path / "ab"[seed % 2] / f"{seed // 16:05d}_{seed % 16:05d}.png", seed)

    (note,) = _notes(tmp_path)

    assert note.startswith("names look like series (00000_00000.png, 00000_00002.png)")
    assert "edgecls data split --group-by" in note
