"""Labels as folder names."""

import unicodedata
from pathlib import Path

import pytest

from edgecls.errors import DatasetError
from edgecls.folder_names import class_folder, class_folders, escaped_label, folder_label


@pytest.mark.parametrize(
    "label", ["cat", "红玫瑰", "кошка", "قطة", "🐱", "black cat", "a.b", "comma, dash - 1", "console"]
)
def test_names_in_any_script_are_taken(label: str) -> None:
    assert folder_label(label) == label


def test_a_label_is_normalised_and_loses_spaces_around_it() -> None:
    assert folder_label(" " + unicodedata.normalize("NFD", "café") + "\n") == unicodedata.normalize("NFC", "café")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (".", "hidden"),
        ("..", "hidden"),
        (".git", "hidden"),
        ("__MACOSX", "hidden"),
        ("a/b", "has /"),
        ("../up", "hidden"),
        ("a\\b", r"has \\"),
        ("/etc", "has /"),
        ("C:", "has :"),
        ("what?", r"has \?"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\u2028b", "control"),
        ("end.", "dot"),
        ("con", "Windows"),
        ("NUL.txt", "Windows"),
        ("com1", "Windows"),
        ("LPT¹", "Windows"),
        ("猫" * 67, "longer"),
    ],
)
def test_names_that_some_system_cannot_have_are_refused(label: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        folder_label(label)


def test_a_folder_that_is_there_is_taken_whatever_its_unicode_form(tmp_path: Path) -> None:
    there = tmp_path / unicodedata.normalize("NFD", "café")
    there.mkdir()

    assert class_folder(tmp_path, unicodedata.normalize("NFC", "café")) == there
    assert class_folder(tmp_path, "thé") == tmp_path / "thé"
    assert class_folder(tmp_path / "gone", "a") == tmp_path / "gone" / "a"


def test_a_name_that_is_taken_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Cat").mkdir()
    (tmp_path / "dog").write_bytes(b"")

    with pytest.raises(DatasetError, match=r"upper and lower case.*'Cat'"):
        class_folder(tmp_path, "cat")
    with pytest.raises(DatasetError, match="no folder"):
        class_folder(tmp_path, "dog")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("红玫瑰", "红玫瑰"),
        ("maillot, tank suit", "maillot, tank suit"),
        ("AC/DC", "AC%2FDC"),
        ("what?", "what%3F"),
        ("..", "%2E%2E"),
        (".git", "%2Egit"),
        (" padded ", "%20padded%20"),
        ("etc.", "etc%2E"),
        ("con", "%63on"),
        ("__MACOSX", "%5F_MACOSX"),
        ("a\u2028b", "a%E2%80%A8b"),
        (unicodedata.normalize("NFD", "é/"), "é%2F"),
    ],
)
def test_any_label_has_a_folder_name(label: str, name: str) -> None:
    assert escaped_label(label) == name
    assert folder_label(name) == name


def test_a_label_that_is_too_long_for_a_folder_is_refused() -> None:
    with pytest.raises(DatasetError, match="longer than 200 bytes"):
        escaped_label("/" * 67)


def test_the_folders_of_many_labels_are_those_of_each(tmp_path: Path) -> None:
    there = tmp_path / unicodedata.normalize("NFD", "café")
    there.mkdir()
    labels = [unicodedata.normalize("NFC", "café"), "thé", "eau"]

    assert class_folders(tmp_path, labels) == {label: class_folder(tmp_path, label) for label in labels}
