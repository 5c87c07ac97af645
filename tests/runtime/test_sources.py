"""From what a user names to images."""

import io
import os
import sys
from pathlib import Path

import pytest

from edgecls.errors import ImageReadError
from edgecls.image import DEFAULT_LIMITS
from edgecls.runtime.many_images import find_names, open_source


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.PNG", "deep/er/c.webp", "deep/.hidden.jpg", ".git/d.jpg", "notes.txt", "数据 集/猫🐱.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _names(*paths: str) -> list[str]:
    return find_names(paths)


def test_a_folder_gives_all_images_below_it_sorted(tree: Path) -> None:
    assert _names(str(tree)) == [str(tree / name) for name in ("a.PNG", "b.jpg", "deep/er/c.webp", "数据 集/猫🐱.jpg")]


def test_a_file_is_taken_whatever_its_suffix(tree: Path) -> None:
    assert _names("notes.txt", "b.jpg") == ["notes.txt", "b.jpg"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [("*.jpg", ["b.jpg"]), ("*/*.jpg", ["数据 集/猫🐱.jpg"]), ("deep/**/*", ["deep/er/c.webp"]), ("?.PNG", ["a.PNG"])],
)
def test_patterns_are_expanded(tree: Path, pattern: str, names: list[str]) -> None:
    assert _names(pattern) == [name.replace("/", os.sep) for name in names]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tree: Path) -> None:
    (tree / "photo [1].jpg").write_text("x")

    assert _names("photo [1].jpg") == ["photo [1].jpg"]


@pytest.mark.parametrize(
    ("path", "message"),
    [("gone.jpg", "no such file"), ("*.gif", "no file matches the pattern"), ("empty", "the folder has no images")],
)
def test_what_leads_to_nothing_is_reported_in_its_place(tree: Path, path: str, message: str) -> None:
    (tree / "empty").mkdir()

    first, fault, last = map(open_source, find_names(["b.jpg", path, "notes.txt"]))

    assert (first.name, last.name) == ("b.jpg", "notes.txt")
    with pytest.raises(ImageReadError, match=message):
        fault.read(DEFAULT_LIMITS)


def test_a_dash_is_standard_input(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"image bytes")))

    (source,) = map(open_source, find_names(["-"]))

    assert (source.name, source.read(DEFAULT_LIMITS)) == ("-", b"image bytes")


def test_sources_read_what_they_name(tree: Path) -> None:
    assert [open_source(name).read(DEFAULT_LIMITS).decode() for name in find_names([str(tree)])] == [
        "a.PNG",
        "b.jpg",
        "deep/er/c.webp",
        "数据 集/猫🐱.jpg",
    ]


def test_folders_can_be_passed_over_where_a_folder_is_listed(tree: Path) -> None:
    (tree / "again").symlink_to(tree / "deep")
    real = [os.path.realpath(tree / "deep" / "er")]

    assert find_names([str(tree)], passing_over=real) == [
        str(tree / name) for name in ("a.PNG", "b.jpg", "数据 集/猫🐱.jpg")
    ]
    assert find_names(["deep/er"], passing_over=real) == [str(Path("deep/er/c.webp"))]


def test_a_file_called_dash_that_matches_a_pattern_is_a_file(tree: Path) -> None:
    (tree / "-").write_text("x")

    assert find_names(["[-]"]) == [os.path.join(os.curdir, "-")]
