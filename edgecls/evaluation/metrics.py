"""Metrics of a classifier: confusion matrix, precision, recall, F1, intervals. numpy only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Averages",
    "LabelMetrics",
    "confusion_matrix",
    "macro_average",
    "per_label_metrics",
    "weighted_average",
    "wilson_interval",
]

Counts = npt.NDArray[np.int64]

Z_95 = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class LabelMetrics:
    """How well one label is recognised.

    Attributes:
        label: The label.
        support: Number of images with this true label.
        predicted: Number of images for which it was predicted.
        precision: Fraction of `predicted` that is correct; None if `predicted` is 0.
        recall: Fraction of `support` that was found; None if `support` is 0.
        f1: Harmonic mean of the two; None if `support` is 0.
    """

    label: str
    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Averages:
    """Precision, recall and F1 over all labels that have images; a precision that is None counts as 0."""

    precision: float
    recall: float
    f1: float


def confusion_matrix(label_ids: npt.ArrayLike, predicted_ids: npt.ArrayLike, *, num_labels: int) -> Counts:
    """Count how often each label was predicted for each true label.

    Args:
        label_ids: ``[N]``: the true labels.
        predicted_ids: ``[N]``: the predicted labels.
        num_labels: Number of labels.

    Returns:
        int64, ``[num_labels, num_labels]``; a row for each true label, a column for each predicted one.
    """
    pairs = np.asarray(label_ids, np.int64) * num_labels + np.asarray(predicted_ids, np.int64)
    return np.bincount(pairs, minlength=num_labels**2).reshape(num_labels, num_labels)


def per_label_metrics(confusion: Counts, labels: Sequence[str]) -> tuple[LabelMetrics, ...]:
    """Return precision, recall and F1 of each label, in the order of `labels`.

    Args:
        confusion: As `confusion_matrix` gives it.
        labels: One for each row.
    """
    rights = np.diagonal(confusion).tolist()
    supports = confusion.sum(axis=1).tolist()
    predictions = confusion.sum(axis=0).tolist()
    return tuple(
        LabelMetrics(
            label=label,
            support=support,
            predicted=predicted,
            precision=right / predicted if predicted else None,
            recall=right / support if support else None,
            f1=2 * right / (support + predicted) if support else None,
        )
        for label, right, support, predicted in zip(labels, rights, supports, predictions, strict=True)
    )


def macro_average(metrics: Sequence[LabelMetrics]) -> Averages:
    """Return the averages in which every label that has images has the same weight."""
    return _average(metrics, [1] * len(metrics))


def weighted_average(metrics: Sequence[LabelMetrics]) -> Averages:
    """Return the averages in which every label is weighted by its number of images."""
    return _average(metrics, [entry.support for entry in metrics])


def _average(metrics: Sequence[LabelMetrics], weights: Sequence[int]) -> Averages:
    present = [(entry, weight) for entry, weight in zip(metrics, weights, strict=True) if entry.support]
    total = sum(weight for _, weight in present)
    return Averages(
        *(
            sum((getattr(entry, name) or 0.0) * weight for entry, weight in present) / total if total else 0.0
            for name in ("precision", "recall", "f1")
        )
    )


def wilson_interval(successes: int, total: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion, which also holds near 0 and 1 and for few images.

    Args:
        successes: From 0 to `total`.
        total: At least 1.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        JASA 22, 1927.
    """
    proportion = successes / total
    spread = Z_95 * math.sqrt(proportion * (1 - proportion) / total + Z_95**2 / (4 * total**2))
    middle = proportion + Z_95**2 / (2 * total)
    scale = 1 + Z_95**2 / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
