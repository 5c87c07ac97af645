"""Logistic regression: the choice of its penalty, and its temperature."""

from dataclasses import replace

import numpy as np
import pytest

from edgecls.models.classical.linear import PENALTIES, USUAL_PENALTY, fit_and_cross_validate, fit_linear
from edgecls.models.classical.registry import TrainingRows


def _noise(count: int = 60) -> TrainingRows:
    """Two labels that nothing tells apart."""
    label_ids = (np.arange(count) % 2).astype(np.int32)
    features = np.random.default_rng(0).normal(0, 3, (count, 200))
    return TrainingRows(features.astype(np.float32), label_ids, seed=0, threads=1)


def test_where_features_are_noise_the_weights_are_held_back() -> None:
    separable = replace(_noise(), features=np.eye(2, 40, dtype=np.float32)[np.arange(60) % 2])

    assert fit_linear(separable).penalty == max(PENALTIES)
    assert fit_linear(_noise()).penalty == min(PENALTIES)


def test_copies_of_an_image_do_not_vouch_for_each_other() -> None:
    rows = _noise()
    copied = replace(rows, features=np.tile(rows.features, (4, 1)), label_ids=np.tile(rows.label_ids, 4), views=4)
    groups = np.tile(np.arange(60), 4)

    assert fit_linear(copied).penalty == max(PENALTIES)  # every fold has seen copies of what it is judged on
    assert fit_linear(replace(copied, groups=groups)).penalty == fit_linear(rows).penalty


def test_a_label_with_a_single_group_gets_the_usual_penalty() -> None:
    rows = replace(_noise(6), groups=np.array([0, 1, 0, 2, 0, 3]))

    assert fit_linear(rows).penalty == USUAL_PENALTY


@pytest.mark.parametrize("labels", [2, 3])
def test_a_temperature_divides_the_logits(labels: int) -> None:
    rng = np.random.default_rng(3)
    rows = TrainingRows(
        rng.normal(0, 1, (30, 5)).astype(np.float32), (np.arange(30) % labels).astype(np.int32), seed=0, threads=1
    )
    fitted = fit_linear(rows)

    softened = fitted.calibrated(2.0).probabilities(rows.features)

    logits = fitted.logits(rows.features)
    assert logits.shape == (30, labels)
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softened, expected, atol=1e-6)
    usual = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.probabilities(rows.features), usual, atol=1e-6)


def test_balanced_rows_of_a_rare_label_count_more() -> None:
    rng = np.random.default_rng(4)
    label_ids = np.repeat([0, 1], [90, 10]).astype(np.int32)
    features = (rng.normal(0, 1, (100, 3)) + label_ids[:, np.newaxis]).astype(np.float32)
    rows = TrainingRows(features, label_ids, seed=0, threads=1)

    plain, balanced = (
        fit_linear(replace(rows, balanced=balanced)).probabilities(features)[:, 1].mean() for balanced in (False, True)
    )

    assert balanced > plain + 0.1


def test_cross_validation_answers_for_rows_it_has_not_seen() -> None:
    rows = _noise()

    fitted, crossed = fit_and_cross_validate(rows, folds=5)

    assert (crossed.folds, crossed.is_judged.all()) == (5, True)
    assert (fitted.probabilities(rows.features).argmax(axis=1) == rows.label_ids).mean() > 0.9
    assert (crossed.log_probabilities.argmax(axis=1) == rows.label_ids).mean() < 0.7
    np.testing.assert_allclose(np.exp(crossed.log_probabilities).sum(axis=1), 1, atol=1e-5)


def test_copies_stay_in_one_fold_of_cross_validation() -> None:
    rows = _noise()
    copied = replace(rows, features=np.tile(rows.features, (2, 1)), label_ids=np.tile(rows.label_ids, 2), views=2)

    _, apart = fit_and_cross_validate(copied, folds=5)
    _, together = fit_and_cross_validate(replace(copied, groups=np.tile(np.arange(60), 2)), folds=5)

    assert (apart.log_probabilities.argmax(axis=1) == copied.label_ids).mean() > 0.8
    assert (together.log_probabilities.argmax(axis=1) == copied.label_ids).mean() < 0.7


def test_the_only_row_of_a_label_is_never_left_out() -> None:
    rng = np.random.default_rng(5)
    label_ids = np.array([0] * 6 + [1] * 6 + [2], np.int32)
    features = (np.eye(3, 8)[label_ids] * 9 + rng.normal(0, 0.1, (13, 8))).astype(np.float32)

    fitted, crossed = fit_and_cross_validate(TrainingRows(features, label_ids, seed=0, threads=1), folds=10)

    assert crossed.is_judged.tolist() == [True] * 12 + [False]
    assert crossed.folds == 6
    assert (crossed.log_probabilities[:12].argmax(axis=1) == label_ids[:12]).all()
    assert fitted.probabilities(features).argmax(axis=1).tolist() == label_ids.tolist()
