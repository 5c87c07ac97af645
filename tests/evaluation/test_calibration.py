"""Calibration: measured on images whose true probabilities are known, and against scipy."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from edgecls.errors import DatasetError, InputShapeError
from edgecls.evaluation.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    calibrate,
    choose_unknown_threshold,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
)

Rows = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


def _calibrated(count: int, labels: int = 5, seed: int = 0) -> tuple[Rows, Ids]:
    """Return logits, and labels drawn with just the probabilities that they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, labels))
    ids = (softmax(logits, axis=1).cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return logits, np.minimum(ids, labels - 1)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_on_calibrated_logits(sharpness: float) -> None:
    logits, ids = _calibrated(20_000)

    # Twenty thousand draws put the best temperature within about two per cent of the true one.
    assert fit_temperature(logits * sharpness, ids) == pytest.approx(sharpness, rel=0.03)


def test_the_temperature_is_the_one_that_scipy_finds() -> None:
    logits, ids = _calibrated(300, seed=4)
    logits *= 1.7

    def loss(log_temperature: float) -> float:
        rows = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-rows[np.arange(len(ids)), ids].mean())

    best = minimize_scalar(loss, bounds=(-1, 2), method="bounded", options={"xatol": 1e-10})
    assert fit_temperature(logits, ids) == pytest.approx(np.exp(best.x), rel=1e-6)


def test_logarithms_of_probabilities_do_as_well_as_logits() -> None:
    logits, ids = _calibrated(500)

    assert fit_temperature(log_softmax(logits, axis=1), ids) == pytest.approx(fit_temperature(logits, ids), rel=1e-9)


def test_a_probability_of_zero_is_no_obstacle() -> None:
    with np.errstate(divide="ignore"):
        rows = np.log(np.array([[1.0, 0.0, 0.0], [0.6, 0.4, 0.0], [0.5, 0.3, 0.2], [0.2, 0.8, 0.0]]))

    assert MIN_TEMPERATURE < fit_temperature(rows, [0, 1, 0, 1]) < MAX_TEMPERATURE


def test_the_temperature_stays_within_bounds_where_the_likelihood_has_no_maximum() -> None:
    rows = np.array([[4.0, 0.0], [0.0, 4.0]] * 10)

    assert fit_temperature(rows, [0, 1] * 10) == pytest.approx(MIN_TEMPERATURE)
    assert fit_temperature(rows, [1, 0] * 10) == pytest.approx(MAX_TEMPERATURE)


def test_calibrating_brings_the_error_down_and_says_so() -> None:
    logits, ids = _calibrated(5_000)

    found = calibrate(logits * 3, ids)

    assert found.temperature == pytest.approx(3, rel=0.05)
    assert found.images == 5_000
    assert found.error_before > 0.1
    assert found.error_after < 0.02
    assert found.loss_after < found.loss_before
    assert sum(entry.images for entry in found.bins_after) == 5_000
    after = softmax(logits * 3 / found.temperature, axis=1)
    assert found.error_after == pytest.approx(expected_calibration_error(after, ids), rel=1e-9)


def test_a_temperature_that_helps_elsewhere_too_is_an_improvement() -> None:
    logits, ids = _calibrated(400)

    found = calibrate(logits * 3, ids)

    assert found.improves
    assert found.loss_after <= found.held_out_loss < found.loss_before
    assert found.held_out_error < found.error_before


def test_a_temperature_that_only_fits_the_images_it_was_fitted_on_is_none() -> None:
    # Probabilities that are right already: whatever a fit to 60 images changes is chance.
    logits, ids = _calibrated(60)

    found = calibrate(logits, ids)

    assert found.loss_after <= found.loss_before
    assert not found.improves


def test_a_temperature_that_makes_the_calibration_error_larger_is_no_improvement() -> None:
    # Most answers are rightly sure; a few sure misses ask for a temperature that makes all the others too modest.
    rows = np.tile([12.0, 0.0], (200, 1))
    rows[:180, 0] = 3.0
    ids = np.zeros(200, int)
    ids[:9] = 1
    ids[-2:] = 1

    found = calibrate(rows, ids)

    assert found.held_out_loss < found.loss_before
    assert max(found.held_out_error, found.error_after) > found.error_before
    assert not found.improves


def test_one_image_can_be_calibrated_on() -> None:
    assert calibrate([[1.0, 0.0]], [0]).held_out_loss == pytest.approx(np.log1p(np.exp(-1)))


def test_the_calibration_error_by_hand() -> None:
    # Of four images at 0.9, three are right; of two at 0.6, one. In ten ranges: 4/6 * 0.15 + 2/6 * 0.1.
    rows = [[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 2

    assert expected_calibration_error(rows, [0, 0, 0, 1, 1, 0], bins=10) == pytest.approx(0.4 / 3)


def test_an_image_belongs_to_the_range_that_ends_at_its_probability() -> None:
    bins = reliability_bins([0.0, 0.5, 0.500001, 1.0], [True, True, False, True], 2)

    assert [entry.images for entry in bins] == [2, 2]
    assert [entry.accuracy for entry in bins] == [1.0, 0.5]
    assert (bins[0].lower, bins[0].upper, bins[1].upper) == (0.0, 0.5, 1.0)


def test_the_likelihood_of_a_certain_miss_is_finite() -> None:
    assert negative_log_likelihood([[1.0, 0.0], [0.5, 0.5]], [1, 0]) == pytest.approx((-np.log(1e-12) + np.log(2)) / 2)


def test_the_threshold_rejects_at_most_the_stated_part_of_right_answers() -> None:
    logits, ids = _calibrated(1_000)
    probabilities = softmax(logits, axis=1)
    right = probabilities.argmax(axis=1) == ids
    sure = probabilities.max(axis=1)

    threshold = choose_unknown_threshold(probabilities, ids, max_rejected=0.1)

    assert threshold is not None
    rejected = (sure[right] < threshold).mean()
    assert 0.09 < rejected <= 0.1
    assert (sure[~right] < threshold).mean() > 0.2  # what it is good for


@pytest.mark.parametrize(
    ("rows", "ids", "expected"),
    [
        ([[1.0, 0.0]] * 3, [0, 0, 0], 0.95),
        ([[0.75, 0.25], [1.0, 0.0]], [0, 0], 0.75),
        ([[0.9, 0.1]], [1], None),
    ],
    ids=["sure-of-everything", "few-images", "nothing-right"],
)
def test_the_threshold_of_special_cases(rows: list[list[float]], ids: list[int], expected: float | None) -> None:
    assert choose_unknown_threshold(rows, ids) == expected


@pytest.mark.parametrize(
    ("rows", "ids", "error", "message"),
    [
        ([[0.5, 0.5]], [0, 1], InputShapeError, r"got \(1, 2\) for \(2,\) label numbers"),
        ([0.5, 0.5], [0, 1], InputShapeError, "one row for each image"),
        (np.empty((0, 3)), [], DatasetError, "no images to measure calibration on"),
        ([[0.5, 0.5]], [2], InputShapeError, "label numbers must be 0 to 1, got 2 to 2"),
        ([[0.5, float("nan")]], [0], InputShapeError, "NaN or infinity"),
        ([[0.5, float("inf")]], [0], InputShapeError, "NaN or infinity"),
    ],
    ids=["lengths", "one-dimensional", "empty", "label-out-of-range", "nan", "inf"],
)
def test_what_cannot_be_calibrated_is_refused(rows: object, ids: object, error: type[Exception], message: str) -> None:
    for function in (fit_temperature, expected_calibration_error, choose_unknown_threshold):
        with pytest.raises(error, match=message):
            function(rows, ids)  # type: ignore[operator]
