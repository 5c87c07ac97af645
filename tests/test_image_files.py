"""Which files in a folder are images, and in what order they come."""

import os
import sys
from pathlib import Path

import pytest

from edgecls import image_files
from edgecls.image_files import find_images, image_names


def _make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_the_images_of_a_folder_come_before_those_of_its_folders(tmp_path: Path) -> None:
    _make(
        tmp_path,
        "b/z.png",
        "b/a/1.jpg",
        "z.JPG",
        "a.webp",
        "a/2.png",
        "c.txt",
        ".b.png",
        ".hidden/a.png",
        "b/@eadir/a.png",
    )

    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == [
        *("a.webp", "z.JPG", "a/2.png", "b/z.png", "b/a/1.jpg"),
    ]


def test_the_names_in_the_current_folder_have_nothing_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(tmp_path, "a.png", "b/c.png")
    monkeypatch.chdir(tmp_path)

    assert list(image_names(Path("."))) == ["a.png", os.path.join("b", "c.png")]


def test_folders_that_are_passed_over_are_not_looked_into(tmp_path: Path) -> None:
    _make(tmp_path, "a/1.png", "b/c/2.png", "b/d/3.png")
    passing_over = {os.path.realpath(tmp_path / "a"), os.path.realpath(tmp_path / "b" / "d")}

    assert list(image_names(tmp_path, passing_over=passing_over)) == [str(tmp_path / "b" / "c" / "2.png")]


def test_a_folder_that_is_not_there_has_no_images(tmp_path: Path) -> None:
    assert find_images(tmp_path / "gone") == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own")
def test_a_link_to_an_image_is_one_and_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    _make(tmp_path, "a/1.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a" / "1.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone")
    (tmp_path / "c.png").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to(tmp_path)

    assert [path.name for path in find_images(tmp_path)] == ["b.png", "nowhere.png", "1.png"]


@pytest.mark.parametrize("count", [0, 1, 3, 7, 12])
def test_the_names_of_a_large_folder_are_sorted_as_those_of_a_small_one(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number * 7 % 12}{'猫é '[number % 3]}.png" for number in range(count)]
    _make(tmp_path, *names)
    small = list(image_names(tmp_path))
    monkeypatch.setattr(image_files, "NAMES_PER_PACK", 3)

    assert list(image_names(tmp_path)) == small == sorted(str(tmp_path / name) for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_unicode_come_through_a_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, "a.png", os.fsdecode(b"\xff.png"), os.fsdecode(b"b\xe9.png"), "\uffee.png")
    monkeypatch.setattr(image_files, "NAMES_PER_PACK", 2)

    assert [os.path.basename(name) for name in image_names(tmp_path)] == sorted(os.listdir(tmp_path))
