"""The labelled images that are taken, and labels that a model does not know."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edgecls.bench.benchmark import MOST_LABELLED, known_to_all, some_of
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import DatasetError
from edgecls.modelfile import ModelFile


def _images(**counts: int) -> LabelledImages:
    labels = tuple(sorted(counts))
    ids = tuple(label_id for label_id, label in enumerate(labels) for _ in range(counts[label]))
    return LabelledImages(labels, tuple(Path(f"{number}.png") for number in range(len(ids))), ids)


def test_of_many_images_as_many_of_each_label_are_taken_as_it_has_a_part() -> None:
    taken = some_of(_images(blue=5000, green=2500, red=2500))

    assert Counter(taken.label_ids) == {0: MOST_LABELLED // 2, 1: MOST_LABELLED // 4, 2: MOST_LABELLED // 4}
    assert taken == some_of(_images(blue=5000, green=2500, red=2500))


def test_of_few_images_all_are_taken() -> None:
    assert some_of(_images(blue=2, red=3)) == _images(blue=2, red=3)


def test_a_label_that_a_model_does_not_know_is_refused_at_once(tiny_model: ModelFile) -> None:
    with pytest.raises(DatasetError, match=r"does not know 1 label.*'violet'"):
        known_to_all(_images(red=1, violet=2), [tiny_model], ignore_unknown_labels=False)


def test_images_with_other_labels_are_left_out_on_demand(tiny_model: ModelFile) -> None:
    kept = known_to_all(_images(red=1, violet=2), [tiny_model], ignore_unknown_labels=True)

    assert kept == replace(_images(red=1), paths=kept.paths)
