"""Thresholds: how many new images of the kind they let through, however few there are to choose them by."""

import numpy as np
import pytest

from edgecls.export.familiarity import thresholds
from edgecls.export.familiarity.prototypes import fit_prototypes
from edgecls.export.familiarity.thresholds import (
    ACCEPTED,
    ENOUGH,
    choose_thresholds,
    cross_fitted,
    reference_scores,
)


def _scores(count: int, seed: int = 0) -> np.ndarray:
    return 1 - np.random.default_rng(seed).gamma(3, 0.03, count)


def test_of_many_images_each_level_accepts_its_proportion() -> None:
    scores = _scores(2000)

    facts = choose_thresholds(scores)

    for level in facts.levels:
        assert (scores >= level.threshold).mean() == pytest.approx(level.accepted, abs=0.001)
    assert tuple(level.accepted for level in facts.levels) == ACCEPTED
    assert (facts.threshold, facts.held_out) == (facts.levels[2].threshold, 2000)
    assert facts.accepted == (scores >= facts.threshold).mean()


@pytest.mark.parametrize("count", [6, 12, 30, 60, 150])
def test_of_new_images_the_default_accepts_about_98_percent(count: int) -> None:
    new = _scores(20_000, seed=99)

    accepted = [(new >= choose_thresholds(_scores(count, seed)).threshold).mean() for seed in range(60)]

    assert (0.94 if count < 10 else 0.955) < np.mean(accepted) <= 1
    assert np.mean(accepted) < 0.9999 or count < 10  # it is no threshold that lets everything through


def test_few_images_do_not_give_a_threshold_above_all_new_ones() -> None:
    assert choose_thresholds(np.array([0.8])).threshold <= 0.8
    assert choose_thresholds(np.array([0.8, 0.9])).threshold < 0.8
    assert choose_thresholds(np.full(10, 0.5)).threshold == 0.5


def test_levels_never_rise_with_the_proportion() -> None:
    for seed in range(30):
        thresholds = [level.threshold for level in choose_thresholds(_scores(int(seed * 3 + 2), seed)).levels]
        assert thresholds == sorted(thresholds, reverse=True)


def test_an_image_at_the_threshold_is_accepted() -> None:
    scores = np.round(_scores(500), 3).astype(np.float32)

    facts = choose_thresholds(scores)

    assert (scores.astype(np.float64) >= facts.threshold).mean() >= 0.98


def test_training_images_are_judged_without_themselves() -> None:
    rng = np.random.default_rng(0)
    rows, groups = np.abs(rng.normal(0, 1, (40, 12))).astype(np.float32), np.repeat([0, 1], 20)

    fitted = fit_prototypes(rows, groups, labels=2).familiarity(rows)
    scores = cross_fitted(rows, groups, labels=2)

    assert len(scores) == 40
    assert scores.mean() < fitted.mean() - 0.02


def test_more_images_than_are_left_out_one_by_one_are_judged_in_folds() -> None:
    rng = np.random.default_rng(0)
    rows, groups = np.abs(rng.normal(0, 1, (130, 12))).astype(np.float32), rng.integers(0, 3, 130)

    assert len(cross_fitted(rows, groups, labels=3)) == 130


def test_of_very_many_images_some_are_judged_by_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "MOST_CROSS_FITTED", 70)
    rng = np.random.default_rng(0)
    directions = np.abs(rng.normal(0, 1, (100, 12)))
    rows = (np.repeat(directions, 4, axis=0) + rng.normal(0, 0.01, (400, 12))).astype(np.float32)

    scores = cross_fitted(rows, np.arange(400) // 8, labels=50)

    assert len(scores) == 70
    assert scores.min() > 0.99  # one of its direction is among the others, if they are all there


def test_an_image_that_is_alone_in_its_group_says_nothing_about_the_threshold() -> None:
    rows = np.abs(np.random.default_rng(0).normal(0, 1, (9, 12))).astype(np.float32)

    assert len(cross_fitted(rows, np.array([0, 0, 0, 0, 1, 1, 1, 1, 2]), labels=3)) == 8
    assert len(cross_fitted(rows[:2], np.array([0, 1]), labels=2)) == 2


def test_few_held_out_images_are_completed_by_training_images_that_are_no_more_familiar() -> None:
    held_out, training = _scores(20), _scores(400, seed=1) + 0.1

    together = reference_scores(held_out, training)

    assert len(together) == 420
    assert np.median(together[20:]) == pytest.approx(np.median(held_out))
    np.testing.assert_array_equal(together[:20], held_out)


def test_training_images_are_not_raised() -> None:
    training = _scores(400, seed=1)

    np.testing.assert_array_equal(reference_scores(training[:20] + 0.1, training)[20:], training)


def test_enough_held_out_images_decide_alone() -> None:
    held_out = _scores(ENOUGH)

    assert reference_scores(held_out, _scores(400)) is held_out
    np.testing.assert_array_equal(reference_scores(np.empty(0), held_out), held_out)


def test_an_image_is_not_judged_by_its_look_alikes() -> None:
    directions = np.random.default_rng(6).normal(0, 1, (8, 64)).astype(np.float32)
    rows, alike = np.repeat(directions, 2, axis=0), np.repeat(np.arange(8), 2)
    groups = np.zeros(16, np.int64)

    assert cross_fitted(rows, groups, labels=1).min() > 0.99  # by its copy
    assert cross_fitted(rows, groups, labels=1, alike=alike).max() < 0.9
