"""Evaluating a model whose answers are known."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from color_folders import PURE, write_color_folders, write_image
from tiny_model import tiny_answer, tiny_model_bytes

from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.evaluation.evaluate import evaluate, without_foreign_labels
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.opening import load


@pytest.fixture
def images(tmp_path: Path) -> LabelledImages:
    return read_dataset(write_color_folders(tmp_path / "data")).train


@pytest.mark.parametrize("workers", [1, 3])
def test_labels_are_matched_by_name_whatever_their_order(
    tiny_classifier: Classifier, images: LabelledImages, workers: int
) -> None:
    assert images.labels == ("blue", "green", "red")  # the model has red, green, blue

    found = evaluate(tiny_classifier, images, workers=workers)

    assert found.labels == ("red", "green", "blue")
    assert found.paths == images.paths
    assert found.label_ids.tolist() == [2, 2, 1, 1, 1, 0, 0, 0, 0]
    np.testing.assert_array_equal(found.confusion, [[3, 1, 0], [0, 3, 0], [0, 0, 2]])
    assert found.ranks.tolist() == [0] * 8 + [2]  # green has more of blue in it than of red
    assert (found.provider, found.workers, dict(found.failures)) == ("cpu", workers, {})


def test_what_is_kept_of_an_image_is_what_the_model_said(tiny_classifier: Classifier, images: LabelledImages) -> None:
    found = evaluate(tiny_classifier, images, workers=2)

    expected = tiny_answer(np.full((1, 8, 8, 3), PURE["green"], np.uint8))[0]
    assert found.top_ids[-1].tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.top_probabilities[-1], expected[[1, 2, 0]], atol=1e-6)
    assert found.true_probabilities[-1] == pytest.approx(expected[0], rel=1e-3)
    assert (found.times_ms > 0).all()
    assert found.duration_s > 0


def test_progress_is_told_for_every_image(tiny_classifier: Classifier, images: LabelledImages) -> None:
    seen: list[tuple[int, int]] = []

    evaluate(tiny_classifier, images, workers=2, on_progress=lambda done, total: seen.append((done, total)))

    assert seen == [(index, 9) for index in range(1, 10)]


def test_images_that_cannot_be_read_are_listed_and_the_rest_counts(
    tiny_classifier: Classifier, images: LabelledImages
) -> None:
    images.paths[3].write_text("these are notes")

    found = evaluate(tiny_classifier, images, workers=2)

    assert found.images == 8
    assert images.paths[3] not in found.paths
    assert list(found.failures) == [str(images.paths[3])]
    assert found.label_ids.tolist() == [2, 2, 1, 1, 0, 0, 0, 0]


def test_without_a_usable_image_there_is_nothing_to_evaluate(
    tiny_classifier: Classifier, images: LabelledImages
) -> None:
    for path in images.paths:
        path.write_bytes(b"")

    with pytest.raises(DatasetError, match=r"none of the 9 images could be classified; the first fault: .*0\.png"):
        evaluate(tiny_classifier, images, workers=2)


def test_a_label_that_the_model_does_not_know_is_refused_by_name(
    tiny_classifier: Classifier, images: LabelledImages, tmp_path: Path
) -> None:
    write_image(tmp_path / "data" / "黄 yellow" / "0.png", (250, 250, 0))
    foreign = read_dataset(tmp_path / "data").train

    with pytest.raises(DatasetError, match=r"'colors' does not know 1 label\(s\) of the data: '黄 yellow'; its labels"):
        evaluate(tiny_classifier, foreign, workers=1)

    kept = without_foreign_labels(foreign, tiny_classifier.card.labels)
    assert (kept.labels, kept.paths) == (images.labels, images.paths)
    assert evaluate(tiny_classifier, kept, workers=1).accuracy == pytest.approx(8 / 9)


def test_data_of_which_the_model_knows_nothing_is_refused(images: LabelledImages) -> None:
    with pytest.raises(
        DatasetError, match="the model knows none of the labels of the data \\('blue', 'green', 'red'\\)"
    ):
        without_foreign_labels(images, ("cat", "dog"))


def test_labels_of_the_model_may_have_no_images(tiny_classifier: Classifier, images: LabelledImages) -> None:
    found = evaluate(tiny_classifier, without_foreign_labels(images, ("red", "green")), workers=1)

    assert [entry.support for entry in found.per_label] == [4, 3, 0]
    assert found.per_label[2].recall is None
    assert found.macro.recall == pytest.approx((3 / 4 + 1) / 2)


def test_labels_are_the_same_however_their_accents_are_spelt(tmp_path: Path, images: LabelledImages) -> None:
    composed, spelt_out = (unicodedata.normalize(form, "vert é") for form in ("NFC", "NFD"))
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes(labels=("red", spelt_out, "blue")))
    labelled = replace(images, labels=("blue", composed, "red"))

    assert evaluate(load(model, "cpu"), labelled, workers=1).accuracy == pytest.approx(8 / 9)
