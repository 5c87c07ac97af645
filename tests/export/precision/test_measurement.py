"""Comparing answers: figures that can be counted by hand."""

import numpy as np
import pytest

from edgecls.errors import DatasetError
from edgecls.export.precision.measurement import check_informative, divergence, measure


def _rows(*labels: int, sure: float = 0.8) -> np.ndarray:
    rows = np.full((len(labels), 3), (1 - sure) / 2, np.float32)
    rows[range(len(labels)), labels] = sure
    return rows


def test_accuracy_drop_and_agreement_are_counted() -> None:
    shown = np.array([0, 1, 2, 0])

    found = measure(_rows(0, 1, 0, 1), _rows(0, 1, 2, 1), shown)

    assert (found.accuracy, found.float32_accuracy, found.agreement) == (0.5, 0.75, 0.75)
    assert found.drop == 25
    assert found.divergence == pytest.approx((0.8 * np.log(8) + 0.1 * np.log(1 / 8)) / 4, rel=1e-5)


def test_the_same_answers_diverge_by_nothing() -> None:
    assert divergence(_rows(0, 1), _rows(0, 1)) == 0


def test_an_answer_that_is_no_number_is_wrong() -> None:
    rows = _rows(0, 1)
    rows[0] = np.nan  # whose place would be that of the right label

    found = measure(rows, _rows(0, 1), np.array([0, 1]))

    assert (found.right, found.same_label, found.divergence) == (1, 1, float("inf"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([0] * 30, [0, 1, 2] * 10),
        ([0] * 30, [0] * 28 + [1, 2]),
        ([0, 1, 2, 1, 2, 0] * 5, [0, 1, 2, 0, 1, 2] * 5),
        ([0, 1, 1], [0, 1, 2]),
    ],
    ids=["always-the-same", "always-the-most-frequent", "half-by-luck", "too-few"],
)
def test_images_that_are_only_guessed_at_are_refused(said: list[int], shown: list[int]) -> None:
    with pytest.raises(DatasetError, match=rf"{len(said)} images to check on \(chance: 33.3%; needed of so many"):
        check_informative("to check on", _rows(*said), np.array(shown))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([0, 1, 2] * 10, [0, 1, 2] * 10),
        ([0, 1, 2, 0, 1, 0] * 10, [0, 1, 2, 0, 1, 2] * 10),
        ([0, 1, 2] * 2, [0, 1, 2] * 2),
    ],
    ids=["all-right", "most-right", "few-but-all-right"],
)
def test_images_that_are_recognised_are_accepted(said: list[int], shown: list[int]) -> None:
    check_informative("to check on", _rows(*said), np.array(shown))
