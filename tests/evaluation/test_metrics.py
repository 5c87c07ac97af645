"""Metrics, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from edgecls.evaluation.metrics import (
    confusion_matrix,
    macro_average,
    per_label_metrics,
    weighted_average,
    wilson_interval,
)

LABELS = ("a", "b", "c", "d")
RNG = np.random.default_rng(5)
TRUE = RNG.integers(0, 3, 200)  # no image of d
PREDICTED = np.where(RNG.random(200) < 0.6, TRUE, RNG.choice([0, 1, 3], 200))  # c is never predicted wrongly
NEVER_PREDICTED = np.where(TRUE == 2, 0, TRUE)  # c is never predicted


def test_the_confusion_matrix_is_that_of_scikit_learn() -> None:
    expected = sklearn_metrics.confusion_matrix(TRUE, PREDICTED, labels=range(4))

    np.testing.assert_array_equal(confusion_matrix(TRUE, PREDICTED, num_labels=4), expected)


@pytest.mark.parametrize("predicted", [PREDICTED, NEVER_PREDICTED], ids=["some-right", "a-label-never-predicted"])
def test_precision_recall_and_f1_are_those_of_scikit_learn(predicted: np.ndarray) -> None:
    found = per_label_metrics(confusion_matrix(TRUE, predicted, num_labels=4), LABELS)

    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        TRUE, predicted, labels=range(3), zero_division=0
    )
    for index, entry in enumerate(found[:3]):
        assert entry.label == LABELS[index]
        assert (entry.precision or 0.0) == pytest.approx(precision[index])
        assert entry.recall == pytest.approx(recall[index])
        assert entry.f1 == pytest.approx(f1[index])
        assert entry.support == support[index]
    assert (found[3].support, found[3].recall, found[3].f1) == (0, None, None)


def test_what_nobody_says_has_no_precision() -> None:
    found = per_label_metrics(confusion_matrix(TRUE, NEVER_PREDICTED, num_labels=4), LABELS)

    assert (found[2].predicted, found[2].precision, found[2].recall, found[2].f1) == (0, None, 0.0, 0.0)


@pytest.mark.parametrize("predicted", [PREDICTED, NEVER_PREDICTED], ids=["some-right", "a-label-never-predicted"])
@pytest.mark.parametrize(("kind", "average"), [("macro", macro_average), ("weighted", weighted_average)])
def test_averages_are_those_of_scikit_learn(predicted: np.ndarray, kind: str, average: object) -> None:
    found = average(per_label_metrics(confusion_matrix(TRUE, predicted, num_labels=4), LABELS))  # type: ignore[operator]

    expected = sklearn_metrics.precision_recall_fscore_support(
        TRUE, predicted, labels=range(3), average=kind, zero_division=0
    )
    assert (found.precision, found.recall, found.f1) == pytest.approx(expected[:3])


@pytest.mark.parametrize(
    ("successes", "total", "expected"),
    [
        # From Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
        (20, 20, (0.8389, 1.0)),
    ],
)
def test_the_interval_is_the_published_one(successes: int, total: int, expected: tuple[float, float]) -> None:
    assert wilson_interval(successes, total) == pytest.approx(expected, abs=5e-5)
