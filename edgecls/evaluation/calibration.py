"""Calibration: are nine of ten predictions with a probability of 0.9 correct? Measured and fitted. numpy only."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError, InputShapeError

__all__ = [
    "MIN_IMAGES",
    "Calibration",
    "ReliabilityBin",
    "calibrate",
    "calibration_error",
    "choose_unknown_threshold",
    "expected_calibration_error",
    "fit_temperature",
    "negative_log_likelihood",
    "reliability_bins",
]

BINS = 15  # as in Guo et al. 2017

MIN_IMAGES = 50
"""Images that a temperature takes; fitted on fewer it says more about those few than about the network."""

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.25, 10.0
"""If every image is classified correctly, the likelihood is highest at a temperature of 0, so there is a bound."""

BISECTIONS = 60  # halve the range of the temperature down to the precision of a double

SMALLEST_LOG = -103.0
"""Stands for the logarithm of a probability that is 0 in float32, relative to the largest of its image."""

FOLDS = 5
"""The effect of a temperature on images that it was not fitted on is measured by so many fits, each without a fold."""

FOLD_SEED = 0

MAX_REJECTED = 0.05
MAX_UNKNOWN_THRESHOLD = 0.95
"""Above it, a model that is confident on all of its validation images would answer "unknown" to nearly all others."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose predicted label has a probability in one range.

    Attributes:
        lower: Start of the range, exclusive except for 0.
        upper: End of the range, inclusive.
        images: Their number.
        confidence: Mean probability of their predicted label; 0 if there are none.
        accuracy: Fraction of them that was classified correctly; 0 if there are none.
    """

    lower: float
    upper: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """The effect of a temperature on the probabilities of one set of images.

    Attributes:
        temperature: What the logits are divided by before the softmax.
        images: Number of images it was fitted on.
        error_before: Expected calibration error without it.
        error_after: Expected calibration error with it.
        loss_before: Negative log likelihood without it, in nats for each image.
        loss_after: Negative log likelihood with it.
        bins_before: Reliability without it.
        bins_after: Reliability with it.
        held_out_error: Expected calibration error of the same images, each with a temperature fitted without it.
        held_out_loss: Their negative log likelihood.
    """

    temperature: float
    images: int
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float
    bins_before: tuple[ReliabilityBin, ...]
    bins_after: tuple[ReliabilityBin, ...]
    held_out_error: float
    held_out_loss: float

    @property
    def improves(self) -> bool:
        """Whether it improves the probabilities, also on images that it was not fitted on."""
        errs_less = max(self.error_after, self.held_out_error) <= self.error_before
        return errs_less and self.held_out_loss < self.loss_before


def calibrate(logits: npt.ArrayLike, label_ids: npt.ArrayLike) -> Calibration:
    """Fit a temperature and measure its effect.

    Args:
        logits: ``[N, K]``: as `fit_temperature` takes them, of the network without a temperature.
        label_ids: ``[N]``: the true labels.

    Raises:
        As `fit_temperature`.
    """
    rows, ids = _checked(logits, label_ids)
    temperature = fit_temperature(rows, ids)
    before, after = np.exp(_log_softmax(rows)), np.exp(_log_softmax(rows / temperature))
    held_out = np.exp(_log_softmax(rows / _held_out_temperatures(rows, ids)[:, np.newaxis]))
    return Calibration(
        temperature=temperature,
        images=len(ids),
        error_before=expected_calibration_error(before, ids),
        error_after=expected_calibration_error(after, ids),
        loss_before=negative_log_likelihood(before, ids),
        loss_after=negative_log_likelihood(after, ids),
        bins_before=reliability_bins(before.max(axis=1), before.argmax(axis=1) == ids),
        bins_after=reliability_bins(after.max(axis=1), after.argmax(axis=1) == ids),
        held_out_error=expected_calibration_error(held_out, ids),
        held_out_loss=negative_log_likelihood(held_out, ids),
    )


def _held_out_temperatures(rows: npt.NDArray[np.float64], ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return for each image the temperature fitted on the images of the other folds, ``[N]``; 1 for a single image."""
    temperatures = np.ones(len(ids))
    for fold in np.array_split(np.random.default_rng(FOLD_SEED).permutation(len(ids)), FOLDS):
        others = np.delete(np.arange(len(ids)), fold)
        if len(fold) and len(others):
            temperatures[fold] = fit_temperature(rows[others], ids[others])
    return temperatures


def fit_temperature(logits: npt.ArrayLike, label_ids: npt.ArrayLike) -> float:
    """Return the temperature of the highest likelihood; it changes probabilities, never which label is predicted.

    The likelihood is a concave function of 1 / temperature, so its maximum is where the slope
    crosses 0: found by bisection, within MIN_TEMPERATURE and MAX_TEMPERATURE.

    Args:
        logits: ``[N, K]``: logits, or logarithms of probabilities, which are equivalent; -inf where a
            probability is 0.
        label_ids: ``[N]``: the true labels, from 0 to K - 1.

    Raises:
        InputShapeError: The shapes do not fit, a logit is NaN or +inf, or a label is out of range.
        DatasetError: There are no images.

    Source:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599.
    """
    rows, ids = _checked(logits, label_ids)
    own = rows[np.arange(len(ids)), ids]
    low, high = math.log(1 / MAX_TEMPERATURE), math.log(1 / MIN_TEMPERATURE)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        powers = np.exp(_log_softmax(rows * math.exp(middle)))
        slope = float(np.mean(own - (powers * rows).sum(axis=1)))
        low, high = (middle, high) if slope > 0 else (low, middle)
    return math.exp(-(low + high) / 2)


def negative_log_likelihood(probabilities: npt.ArrayLike, label_ids: npt.ArrayLike) -> float:
    """Return the mean of -log(probability of the true label), in nats; a probability of 0 counts as 1e-12.

    Args:
        probabilities: ``[N, K]``, N at least 1.
        label_ids: ``[N]``.
    """
    rows, ids = _checked(probabilities, label_ids)
    return float(np.mean(-np.log(np.maximum(rows[np.arange(len(ids)), ids], 1e-12))))


def expected_calibration_error(probabilities: npt.ArrayLike, label_ids: npt.ArrayLike, bins: int = BINS) -> float:
    """Return the difference between probability and accuracy of the predicted labels, from 0 (none) to 1.

    The images are sorted into `bins` ranges of equal width by the probability of their predicted label;
    the difference of mean probability and accuracy is averaged over the ranges, weighted by their images.

    Args:
        probabilities: ``[N, K]``, N at least 1.
        label_ids: ``[N]``.
        bins: Number of ranges.

    Source:
        Guo et al. 2017, as `fit_temperature`.
    """
    rows, ids = _checked(probabilities, label_ids)
    return calibration_error(reliability_bins(rows.max(axis=1), rows.argmax(axis=1) == ids, bins))


def calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Return the expected calibration error of images that are already sorted into bins."""
    total = sum(entry.images for entry in bins)
    return sum(entry.images * abs(entry.accuracy - entry.confidence) for entry in bins) / total


def reliability_bins(confidences: npt.ArrayLike, right: npt.ArrayLike, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Sort images into ranges of equal width by the probability of the predicted label.

    Args:
        confidences: ``[N]``: probability of the predicted label, 0 to 1.
        right: bool, ``[N]``: whether that label is correct.
        bins: Number of ranges.
    """
    sure, hits = np.asarray(confidences, np.float64), np.asarray(right, bool)
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    divisors = np.maximum(counts, 1)
    confidence = np.bincount(places, weights=sure, minlength=bins) / divisors
    accuracy = np.bincount(places, weights=hits, minlength=bins) / divisors
    return tuple(
        ReliabilityBin(*row)
        for row in zip(
            edges[:-1].tolist(),
            edges[1:].tolist(),
            counts.tolist(),
            confidence.tolist(),
            accuracy.tolist(),
            strict=True,
        )
    )


def choose_unknown_threshold(
    probabilities: npt.ArrayLike, label_ids: npt.ArrayLike, *, max_rejected: float = MAX_REJECTED
) -> float | None:
    """Return the highest threshold that rejects few correct predictions: below it the answer is "unknown".

    The rule: of the correctly classified validation images, at most the fraction `max_rejected` may
    become "unknown". The result is rounded down to four digits and at most MAX_UNKNOWN_THRESHOLD.

    Args:
        probabilities: ``[N, K]``: of images not trained on, after calibration.
        label_ids: ``[N]``: their true labels.
        max_rejected: From 0 to below 1.

    Returns:
        Above 0 and below 1; None if no image is classified correctly.

    Raises:
        As `fit_temperature`.
    """
    rows, ids = _checked(probabilities, label_ids)
    sure = np.sort(rows.max(axis=1)[rows.argmax(axis=1) == ids])
    if not len(sure):
        return None
    threshold = math.floor(float(sure[int(max_rejected * len(sure))]) * 1e4) / 1e4
    return min(threshold, MAX_UNKNOWN_THRESHOLD) or None


def _checked(values: npt.ArrayLike, label_ids: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return rows without infinities, and label numbers that fit them."""
    rows, ids = np.asarray(values, np.float64), np.asarray(label_ids)
    if rows.ndim != 2 or ids.shape != rows.shape[:1] or rows.shape[1] < 2:
        raise InputShapeError(
            f"expected one row for each image and one column for each label, got {rows.shape} for "
            f"{ids.shape} label numbers"
        )
    if not len(ids):
        raise DatasetError("there are no images to measure calibration on; hold some out of training")
    ids = ids.astype(np.int64)
    if ids.min() < 0 or ids.max() >= rows.shape[1]:
        raise InputShapeError(f"label numbers must be 0 to {rows.shape[1] - 1}, got {ids.min()} to {ids.max()}")
    largest = rows.max(axis=1, keepdims=True)
    if not np.isfinite(largest).all():
        raise InputShapeError("a row of logits or probabilities has NaN or infinity in it, or nothing but zeros")
    return np.where(np.isneginf(rows), largest + SMALLEST_LOG, rows), ids


def _log_softmax(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = rows - rows.max(axis=1, keepdims=True)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
