"""The drawn dataset: whole shapes, never twice the same, and never over what was not drawn."""

from pathlib import Path

import numpy as np
import pytest

from edgecls.dataset.checks.check import CheckSettings, check_dataset
from edgecls.dataset.drawn_shapes import MANIFEST, MAX_SIDE, MIN_SIDE, SHAPES, draw_shape, write_shapes
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import OutputError


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_a_dataset_of_four_labels_in_which_nothing_is_wrong(tmp_path: Path) -> None:
    assert write_shapes(tmp_path / "shapes", per_label=12) == 48

    dataset = read_dataset(tmp_path / "shapes")
    assert dataset.labels == tuple(SHAPES)
    assert set(dataset.train.counts.values()) == {12}
    assert check_dataset(tmp_path / "shapes", CheckSettings(), workers=2).findings == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_a_shape_differ_in_size_colour_and_place(shape: str) -> None:
    images = [draw_shape(shape, seed=3, number=number) for number in range(1, 9)]

    assert len({image.shape for image in images}) > 6
    assert all(image.dtype == np.uint8 and min(image.shape[:2]) >= MIN_SIDE for image in images)
    assert max(max(image.shape[:2]) for image in images) <= MAX_SIDE
    means = np.array([image.mean(axis=(0, 1)) for image in images])
    assert means.std(axis=0).min() > 15


def test_the_same_seed_draws_the_same_images_however_many() -> None:
    again, other = (draw_shape("star", seed=seed, number=5) for seed in (7, 8))

    np.testing.assert_array_equal(draw_shape("star", seed=7, number=5), again)
    assert again.shape != other.shape or (again != other).any()


def test_a_drawn_folder_is_drawn_anew(tmp_path: Path) -> None:
    folder = tmp_path / "a new folder" / "形状"
    write_shapes(folder, per_label=3)
    first = _files(folder)
    (folder / "star" / "star-002.jpg").unlink()
    (folder / ".DS_Store").touch()

    write_shapes(folder, per_label=3)
    assert _files(folder) == {**first, ".DS_Store": b""}

    write_shapes(folder, per_label=2, seed=1)
    assert sorted(_files(folder)) == sorted(
        [".DS_Store", MANIFEST, *(f"{shape}/{shape}-{number:03d}.jpg" for shape in SHAPES for number in (1, 2))]
    )


@pytest.mark.parametrize(
    "name", ["star/mine.jpg", "star/star-003.jpg", "cats/001.jpg", "notes.txt", "star/a/star-001.jpg"]
)
def test_files_that_were_not_drawn_are_refused_and_kept(tmp_path: Path, name: str) -> None:
    write_shapes(tmp_path, per_label=2)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    before = _files(tmp_path)

    with pytest.raises(OutputError, match=name):
        write_shapes(tmp_path, per_label=9)

    assert _files(tmp_path) == before


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b'"per_label"', b"{}", b'{"edgecls_shapes": 1, "per_label": null}', b"\xff"]
)
def test_a_manifest_of_another_program_makes_no_folder_a_drawn_one(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(manifest)

    with pytest.raises(OutputError, match=MANIFEST):
        write_shapes(tmp_path)

    assert (tmp_path / MANIFEST).read_bytes() == manifest


def test_a_link_to_an_image_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    write_shapes(tmp_path / "shapes", per_label=1)
    mine = tmp_path / "mine.jpg"
    mine.write_bytes(b"mine")
    linked = tmp_path / "shapes" / "star" / "star-001.jpg"
    linked.unlink()
    linked.symlink_to(mine)

    with pytest.raises(OutputError, match="star-001"):
        write_shapes(tmp_path / "shapes", per_label=1)

    assert mine.read_bytes() == b"mine"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shapes").write_text("mine")

    with pytest.raises(OutputError, match="no folder"):
        write_shapes(tmp_path / "shapes")
    with pytest.raises(OutputError, match="choose another"):
        write_shapes(tmp_path / "shapes" / "below")
