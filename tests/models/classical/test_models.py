"""What each classical model learns, from rows of features."""

from dataclasses import replace

import numpy as np
import pytest

from edgecls.errors import TrainingError
from edgecls.models.classical import classical_names, get_classical
from edgecls.models.classical.knn import NearestNeighbours
from edgecls.models.classical.projection import Projection
from edgecls.models.classical.registry import TrainingRows


def _rows(counts: tuple[int, ...] = (30, 20, 30), seed: int = 0) -> TrainingRows:
    """Labels that are clouds around points of their own."""
    rng = np.random.default_rng(1)
    label_ids = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    features = np.eye(len(counts), 12)[label_ids] * 3 + rng.normal(0, 0.6, (len(label_ids), 12))
    return TrainingRows(features.astype(np.float32), label_ids, seed=seed, threads=1)


@pytest.mark.parametrize("name", classical_names())
@pytest.mark.parametrize("counts", [(30, 30), (30, 20, 30)], ids=["two-labels", "three-labels"])
def test_it_learns_and_answers_in_probabilities(name: str, counts: tuple[int, ...]) -> None:
    rows = _rows(counts)

    answers = get_classical(name).fit(rows).probabilities(rows.features)

    assert answers.dtype == np.float32
    assert answers.shape == (sum(counts), len(counts))
    assert answers.min() >= 0
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert (answers.argmax(axis=1) == rows.label_ids).mean() > 0.9


@pytest.mark.parametrize("name", classical_names())
def test_the_same_seed_gives_the_same_model(name: str) -> None:
    rows = _rows(seed=3)

    first, second = (get_classical(name).fit(rows).probabilities(rows.features) for _ in range(2))

    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", classical_names())
def test_images_that_are_all_alike_do_not_stop_it(name: str) -> None:
    label_ids = np.array([0, 1] * 8, np.int32)
    rows = TrainingRows(np.full((16, 12), 0.5, np.float32), label_ids, seed=0, threads=1)

    answers = get_classical(name).fit(rows).probabilities(rows.features)

    np.testing.assert_allclose(answers, 0.5, atol=0.1)  # 15 of the 16 images are neighbours; trees draw lots


def test_svm_says_how_many_images_it_needs() -> None:
    with pytest.raises(TrainingError, match="2 training images of each label; label number 1 has 1"):
        get_classical("svm").fit(_rows((30, 1, 30)))


def test_neighbours_weigh_less_the_farther_they_are() -> None:
    """At 0, 1 and 2 along a line, asked at 0: squares 0, 1 and 4, and a little beyond 4 the weight ends."""
    line = np.array([[0.0], [1], [2]], np.float32)
    model = NearestNeighbours(Projection(np.zeros(1, np.float32), np.eye(1, dtype=np.float32)), line, np.eye(3), 3)

    (votes,) = model.probabilities(line[:1])

    np.testing.assert_allclose(votes / votes[0], [1, 3.04 / 4.04, 0.04 / 4.04], rtol=1e-4)


def test_images_equally_far_away_all_count() -> None:
    """Which two of the three are the nearest is nobody's business but rounding's."""
    corners = np.eye(3, dtype=np.float32)
    model = NearestNeighbours(Projection(np.zeros(3, np.float32), corners), corners, corners, 2)

    (votes,) = model.probabilities(np.zeros((1, 3), np.float32))

    np.testing.assert_allclose(votes, 1 / 3, atol=1e-6)


def test_an_image_stored_many_times_is_answered_by_its_own_labels() -> None:
    model = get_classical("knn").fit(_rows())
    often = replace(model, stored=np.repeat(model.stored[:1], 20, axis=0), one_hot=np.eye(3)[[0, 1] * 10])

    (votes,) = often.probabilities(_rows().features[:1])

    np.testing.assert_allclose(votes, [0.5, 0.5, 0], atol=1e-4)
