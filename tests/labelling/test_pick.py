"""Picking: unsure images, each unlike the others, and what is left out."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_folders import write_class_folders

import edgecls
from edgecls import image
from edgecls.errors import DatasetError, OutputError
from edgecls.labelling.pick import COLUMNS, LIST_NAME, pick_diverse, pick_images, write_picks
from edgecls.training.quick.config import QuickConfig
from edgecls.training.quick.job import run_quick_training


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("labelled") / "data", per_label=6)


@pytest.fixture(scope="module")
def model(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_quick_training(labelled, tmp_path_factory.mktemp("model") / "m.onnx", QuickConfig()).onnx_path


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Return images of the known colours, and a few between two of them."""
    root = write_class_folders(tmp_path / "pool", per_label=4, seed=7)
    rng = np.random.default_rng(3)
    for index in range(3):
        color = np.array((125, 110, 55)) + 8 * index
        pixels = np.clip(color + rng.normal(0, 30, (40, 50, 3)), 0, 255).astype(np.uint8)
        (root / f"between {index}.png").write_bytes(image.encode_png(pixels))
    return root


def test_images_that_the_model_is_unsure_of_are_picked(model: Path, pool: Path) -> None:
    with edgecls.load(model, "cpu", features=True) as classifier:
        found = pick_images(pool, classifier, 3)

    doubts = [pick.doubt for pick in found.picked]
    assert (found.pool, len(found.picked)) == (15, 3)
    assert doubts == sorted(doubts, reverse=True)
    assert sum(pick.path.name.startswith("between") for pick in found.picked) >= 2


def test_look_alikes_are_left_out(model: Path, pool: Path, labelled: Path) -> None:
    shutil.copy(pool / "between 0.png", pool / "copy.png")
    kept = pool.parent / "known.png"
    shutil.copy(pool / "between 1.png", kept)

    with edgecls.load(model, "cpu", features=True) as classifier:
        found = pick_images(pool, classifier, 50, labelled=[*labelled.rglob("*.png"), kept])

    names = {pick.path.name for pick in found.picked}
    assert (found.left_out, len(found.picked)) == (2, 14)
    assert len(names & {"between 0.png", "copy.png"}) == 1
    assert "between 1.png" not in names


def test_images_unlike_the_training_images_are_left_out_if_asked(model: Path, pool: Path) -> None:
    board = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((16, 16)))[..., np.newaxis]
    (pool / "board.png").write_bytes(image.encode_png((board * [255, 255, 255]).astype(np.uint8)))

    with edgecls.load(model, "cpu", features=True) as classifier:
        every = pick_images(pool, classifier, 50)
        known = pick_images(pool, classifier, 50, foreign=False)

    (board_pick,) = [pick for pick in every.picked if pick.path.name == "board.png"]
    assert (board_pick.is_unlike, board_pick.doubt) == (True, 1.0)
    assert "board.png" not in {pick.path.name for pick in known.picked}
    assert all(not pick.is_unlike for pick in known.picked)


def test_what_cannot_be_read_is_named(model: Path, pool: Path) -> None:
    (pool / "broken.png").write_bytes(b"no image")

    with edgecls.load(model, "cpu", features=True) as classifier:
        found = pick_images(pool, classifier, 2)
        for path in pool.rglob("*.png"):
            path.write_bytes(b"no image")
        with pytest.raises(DatasetError, match=r"none of the 16 images .* 16 cannot be used"):
            pick_images(pool, classifier, 2)

    assert "broken.png" in str(found.failures[0])


def test_an_empty_pool_is_refused(model: Path, tmp_path: Path) -> None:
    with edgecls.load(model, "cpu", features=True) as classifier, pytest.raises(DatasetError, match="has no images"):
        pick_images(tmp_path, classifier, 2)


def test_picks_are_copied_and_listed(model: Path, pool: Path, tmp_path: Path) -> None:
    with edgecls.load(model, "cpu", features=True) as classifier:
        found = pick_images(pool, classifier, 11)

    listed = write_picks(found, tmp_path / "out")

    rows = list(csv.DictReader(listed.read_text(encoding="utf-8").splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert listed.name == LIST_NAME
    assert [row["file"][:3] for row in rows] == [f"{rank:02d}-" for rank in range(1, 12)]
    for row in rows:
        assert (tmp_path / "out" / row["file"]).read_bytes() == Path(row["path"]).read_bytes()
    with pytest.raises(OutputError, match="not an empty folder"):
        write_picks(found, tmp_path / "out")


def test_doubtful_images_of_all_kinds_are_picked_rather_than_one_kind() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(0, 1, (5, 16))
    kinds = np.repeat(np.arange(5), 20)
    rows = (directions[kinds] + rng.normal(0, 0.05, (100, 16))).astype(np.float32)
    doubts = np.where(kinds < 3, 0.9, 0.0) + rng.uniform(0, 0.01, 100)

    chosen = pick_diverse(rows, doubts, 3)

    assert sorted(kinds[chosen].tolist()) == [0, 1, 2]
    assert pick_diverse(rows, doubts, 3).tolist() == chosen.tolist()


def test_as_many_as_asked_for_are_picked_even_of_equal_ones() -> None:
    rows = np.ones((6, 4), np.float32)

    assert len(set(pick_diverse(rows, np.zeros(6), 4).tolist())) == 4
    assert pick_diverse(rows, np.zeros(6), 9).tolist() == list(range(6))
