"""Reading folders of images."""

import unicodedata
from pathlib import Path

import pytest

from edgecls.dataset.formats.folders import read_class_folders
from edgecls.errors import DatasetError


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_labels_are_the_sorted_folders_and_images_belong_to_them(tmp_path: Path) -> None:
    root = _tree(tmp_path, "猫/2.jpg", "猫/1.PNG", "Zebra/z.webp", "ant/deep/er/a.jpg", "ant/notes.txt", "loose.jpg")

    found = read_class_folders(root)

    assert found.labels == ("Zebra", "ant", "猫")
    assert [path.name for path in found.paths] == ["z.webp", "a.jpg", "1.PNG", "2.jpg"]
    assert found.label_ids == (0, 1, 2, 2)
    assert found.counts == {"Zebra": 1, "ant": 1, "猫": 2}


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    root = _tree(tmp_path, "a/1.jpg", "a/.2.jpg", "b/1.jpg", ".cache/1.jpg", "__MACOSX/1.jpg")

    assert read_class_folders(root).counts == {"a": 1, "b": 1}


def test_a_name_spelt_as_on_a_mac_is_the_same_label(tmp_path: Path) -> None:
    root = _tree(tmp_path, unicodedata.normalize("NFD", "Männertreu") + "/1.jpg", "b/1.jpg")

    assert read_class_folders(root).labels == (unicodedata.normalize("NFC", "Männertreu"), "b")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("1.jpg", "2.jpg"), r"has 0 class folder\(s\), at least 2 are needed"),
        (("only/1.jpg",), r"has 1 class folder\(s\)"),
        (("a/1.jpg", "b/notes.txt"), "b' has no images"),
        (("a/1.jpg", "two\nlines/1.jpg"), "cannot be labels"),
        (("a/1.jpg", " b/1.jpg"), "cannot be labels.*without spaces around it, got ' b'"),
    ],
    ids=["no-folders", "one-folder", "empty-class", "line-break", "blank-in-front"],
)
def test_what_cannot_be_trained_on_is_refused_with_its_reason(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_class_folders(_tree(tmp_path, *names))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no folder"):
        read_class_folders(tmp_path / "gone")
