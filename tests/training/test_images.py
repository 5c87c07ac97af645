"""Images to train on and images held out."""

from pathlib import Path

import pytest
from image_folders import write_class_folders

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.errors import DatasetError
from edgecls.image_spec import ImageSpec
from edgecls.training.images import PreparedImages, prepare_images, without_rare_labels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three labels of ten images, and two of one."""
    root = write_class_folders(tmp_path / "data", per_label=10)
    for label in ("lone", "一"):
        (root / label).mkdir()
        (root / label / "1.png").write_bytes(next(root.rglob("*.png")).read_bytes())
    return root


def _prepared(dataset: Dataset, folder: Path, rare_labels: RareLabels) -> PreparedImages:
    return prepare_images(
        dataset,
        ImageSpec(8, 8),
        validation_fraction=0.2,
        rare_labels=rare_labels,
        seed=0,
        cache=Cache.MEMORY,
        cache_folder=folder,
    )


def test_all_labels_that_cannot_be_held_out_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'lone' has 1 .*'一' has 1.*--keep-rare-in-train.*--leave-out-rare"):
        _prepared(read_dataset(data), tmp_path, RareLabels.REFUSE)


def test_rare_labels_can_be_trained_on_alone(data: Path, tmp_path: Path) -> None:
    images = _prepared(read_dataset(data), tmp_path, RareLabels.KEEP_IN_TRAIN)

    held_out = {images.cached.labels[label_id] for label_id in images.cached.label_ids[images.validation_indices]}
    assert len(images.cached.labels) == 5
    assert len(held_out) == 3
    assert (len(images.train_indices), len(images.validation_indices)) == (26, 6)


def test_rare_labels_can_be_left_out(data: Path, tmp_path: Path) -> None:
    dataset, remarks = without_rare_labels(read_dataset(data), RareLabels.LEAVE_OUT)

    assert remarks == ("left out, with too few images to hold one out: 'lone', '一'",)
    assert len(dataset.labels) == 3
    assert len(_prepared(dataset, tmp_path, RareLabels.LEAVE_OUT).cached.label_ids) == 30
    assert without_rare_labels(read_dataset(data), RareLabels.KEEP_IN_TRAIN) == (read_dataset(data), ())


def test_two_labels_must_be_left(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="fewer than two labels"):
        without_rare_labels(read_dataset(write_class_folders(tmp_path / "x", per_label=1)), RareLabels.LEAVE_OUT)
