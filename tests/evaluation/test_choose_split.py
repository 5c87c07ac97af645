"""Which split of a dataset is evaluated on."""

from pathlib import Path

import pytest

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.errors import DatasetError
from edgecls.evaluation.evaluate import choose_split


def _part(name: str) -> LabelledImages:
    return LabelledImages(("a", "b"), (Path(name, "0.png"), Path(name, "1.png")), (0, 1))


TRAIN, VALIDATION, TEST = map(_part, ("train", "val", "test"))


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (Dataset(TRAIN, VALIDATION, TEST), ("test", TEST)),
        (Dataset(TRAIN, VALIDATION), ("val", VALIDATION)),
        (Dataset(TRAIN), ("all", TRAIN)),
    ],
    ids=["three-splits", "two-splits", "undivided"],
)
def test_held_out_images_come_first(dataset: Dataset, expected: tuple[str, LabelledImages]) -> None:
    assert choose_split(dataset, "auto") == expected


def test_a_part_can_be_named() -> None:
    dataset = Dataset(TRAIN, VALIDATION, TEST)

    assert choose_split(dataset, "train") == ("train", TRAIN)
    assert choose_split(dataset, "all") == ("all", dataset.whole)


def test_a_part_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DatasetError, match="no split 'test', only train, val; choose another one with --split"):
        choose_split(Dataset(TRAIN, VALIDATION), "test")
