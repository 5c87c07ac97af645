"""Drawings: where they go, that nothing is overwritten, what is left when they cannot be written."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import edgecls
from edgecls import image
from edgecls.errors import ImageDecodeError, OutputError
from edgecls.runtime.illustrator import Illustrator
from edgecls.runtime.prediction import Outcome

RED = image.encode_png(np.full((30, 40, 3), (250, 0, 0), np.uint8))
BLUE = image.encode_png(np.full((30, 40, 3), (0, 0, 250), np.uint8))


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _draw(
    classifier: edgecls.Classifier, out: Path, images: dict[str, bytes], roots: tuple[str, ...] = ()
) -> Illustrator:
    illustrator = Illustrator(heat_folder=None, label_folder=out, roots=roots)
    for name, data in images.items():
        illustrator.keep(illustrator.classify(classifier, data, name=name))
    return illustrator


def test_drawings_keep_the_folders_and_names_of_their_images(
    tiny_classifier: edgecls.Classifier, tmp_path: Path
) -> None:
    images = {
        f"{tmp_path}/照片/a/1.png": RED,
        f"{tmp_path}/照片/b/1.webp": BLUE,
        f"{tmp_path}/别的/雨 🌧.tar.png": RED,
    }

    _draw(tiny_classifier, tmp_path / "出", {**images, "-": BLUE}, roots=(f"{tmp_path}/照片",))

    assert _files(tmp_path / "出") == ["a/1.jpg", "b/1.jpg", "stdin.jpg", "雨 🌧.tar.jpg"]


def test_same_names_get_numbers_and_same_drawings_are_there_once(
    tiny_classifier: edgecls.Classifier, tmp_path: Path
) -> None:
    images = {"x/1.jpg": RED, "y/1.jpg": BLUE, "z/1.png": RED}

    first = _draw(tiny_classifier, tmp_path, images)
    contents = {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)}
    second = _draw(tiny_classifier, tmp_path, images)

    assert list(contents) == ["1-2.jpg", "1.jpg"]
    assert (first.written_count, first.done_count) == (2, 1)
    assert (second.written_count, second.done_count) == (0, 3)
    assert {name: (tmp_path / name).read_bytes() for name in _files(tmp_path)} == contents


def test_what_has_a_name_already_stays(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_text("mine")
    (tmp_path / "1-2.jpg").symlink_to("nowhere")

    _draw(tiny_classifier, tmp_path, {"1.jpg": RED})

    assert (tmp_path / "1.jpg").read_text() == "mine"
    assert os.readlink(tmp_path / "1-2.jpg") == "nowhere"
    assert (tmp_path / "1-3.jpg").is_file()


def test_two_folders_get_two_drawings_and_one_folder_gets_both_in_one(
    tiny_classifier: edgecls.Classifier, tmp_path: Path
) -> None:
    apart = Illustrator(heat_folder=tmp_path / "h", label_folder=tmp_path / "l", roots=())
    together = Illustrator(heat_folder=tmp_path / "b", label_folder=tmp_path / "x" / ".." / "b", roots=())
    encoded = image.encode_png(np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8))

    for illustrator in (apart, together):
        illustrator.keep(illustrator.classify(tiny_classifier, encoded, name="1.png"))

    heat, label, both = (image.decode((tmp_path / folder / "1.jpg").read_bytes()) for folder in "hlb")
    assert heat.shape == (300, 500, 3)
    assert both.shape == label.shape
    assert (label.shape[0] > 330, label.shape[1]) == (True, 500)
    np.testing.assert_array_equal(both[:272], heat[:272])  # whole blocks of the JPEG
    assert apart.folders == {os.path.realpath(tmp_path / "h"), os.path.realpath(tmp_path / "l")}


def test_an_image_that_cannot_be_used_is_not_drawn(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    illustrator = Illustrator(heat_folder=tmp_path / "h", label_folder=None, roots=())

    with pytest.raises(ImageDecodeError, match="notes"):
        illustrator.classify(tiny_classifier, b"these are notes", name="notes")
    illustrator.keep(Outcome("notes", ImageDecodeError("notes")))

    assert _files(tmp_path) == []


@pytest.mark.parametrize("root", ["photos", "photos/inbox"])
def test_drawings_may_not_go_where_they_would_be_classified(tmp_path: Path, root: str) -> None:
    (tmp_path / "photos" / "inbox").mkdir(parents=True)

    with pytest.raises(OutputError, match="would be classified too"):
        Illustrator(heat_folder=None, label_folder=tmp_path / "photos", roots=(str(tmp_path / root),))


def test_a_place_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="cannot make folder"):
        Illustrator(heat_folder=tmp_path / "file" / "out", label_folder=None, roots=())


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes; only for a moment, as pytest may be writing to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_cannot_be_written_whole_is_not_there(tiny_classifier: edgecls.Classifier, tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*1\.jpg': File too large; fix that and run it again"),
        _files_of_at_most(1000),
    ):
        _draw(tiny_classifier, tmp_path / "out", {"1.jpg": RED})

    assert _files(tmp_path) == []
