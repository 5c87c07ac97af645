"""What an evaluation found: a few numbers for each image, and every figure that follows from them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ImageError
from edgecls.evaluation.calibration import ReliabilityBin, calibration_error, reliability_bins
from edgecls.evaluation.metrics import (
    Averages,
    Counts,
    LabelMetrics,
    confusion_matrix,
    macro_average,
    per_label_metrics,
    weighted_average,
    wilson_interval,
)

__all__ = ["Confusion", "Evaluation", "UnknownFacts", "evaluation_to_dict"]

SMALLEST_PROBABILITY = 1e-12  # stands for 0 where a logarithm is taken


@dataclass(frozen=True)
class Confusion:
    """One label taken for another, and how often."""

    shown: str
    said: str
    images: int


@dataclass(frozen=True)
class UnknownFacts:
    """What the unknown threshold does to the answers.

    Attributes:
        threshold: The threshold.
        answered: Number of images that got a label.
        answered_right: Number of those whose label is right.
        rejected_right: Images whose label would have been right, answered "unknown".
        rejected_wrong: Images whose label would have been wrong, answered "unknown".
    """

    threshold: float
    answered: int
    answered_right: int
    rejected_right: int
    rejected_wrong: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a model did on labelled images. Accuracy and the like are of the best label, however sure it was.

    Attributes:
        labels: The labels of the model, K in number.
        paths: The images that could be classified, N in number, at least 1.
        label_ids: ``[N]``: what they show.
        ranks: ``[N]``: how many labels the model found more probable than the right one; 0 where it is right.
        true_probabilities: ``[N]``: the probability that it gave to the right one.
        top_ids: ``[N, T]``: its most probable labels, best first, T at least 1.
        top_probabilities: ``[N, T]``: their probabilities.
        times_ms: ``[N]``: from the encoded bytes to the answer, with `workers` images at once.
        failures: Why the other images could not be classified, by their names.
        unknown_threshold: Below this probability of the best label the answer is "unknown"; None for never.
        provider: What the network ran on.
        workers: Number of images that were worked on at once.
        duration_s: How long all of it took, in seconds.
    """

    labels: tuple[str, ...]
    paths: tuple[Path, ...]
    label_ids: npt.NDArray[np.int64]
    ranks: npt.NDArray[np.int64]
    true_probabilities: npt.NDArray[np.float64]
    top_ids: npt.NDArray[np.int64]
    top_probabilities: npt.NDArray[np.float64]
    times_ms: npt.NDArray[np.float64]
    failures: Mapping[str, ImageError]
    unknown_threshold: float | None
    provider: str
    workers: int
    duration_s: float

    @property
    def images(self) -> int:
        """Number of images classified."""
        return len(self.label_ids)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """bool, ``[N]``: whether the best label is the right one."""
        hits: npt.NDArray[np.bool_] = self.ranks == 0
        return hits

    @property
    def confidences(self) -> npt.NDArray[np.float64]:
        """``[N]``: the probability of the best label."""
        return self.top_probabilities[:, 0]

    @property
    def accuracy(self) -> float:
        """Part of the images whose best label is right."""
        return self.top_accuracy(1)

    def top_accuracy(self, count: int) -> float:
        """Return the part of the images whose right label is among the `count` most probable."""
        return float(np.mean(self.ranks < count))

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Where the accuracy on more images of the same kind can be expected, at 95 % (Wilson)."""
        return wilson_interval(int(self.right.sum()), self.images)

    @cached_property
    def confusion(self) -> Counts:
        """``[K, K]``; the row is what is shown, the column what was said."""
        return confusion_matrix(self.label_ids, self.top_ids[:, 0], num_labels=len(self.labels))

    @cached_property
    def per_label(self) -> tuple[LabelMetrics, ...]:
        """Precision, recall and F1 of each label, in the order of `labels`."""
        return per_label_metrics(self.confusion, self.labels)

    @property
    def macro(self) -> Averages:
        """Averages in which every label that has images counts alike."""
        return macro_average(self.per_label)

    @property
    def weighted(self) -> Averages:
        """Averages in which every label counts by its number of images."""
        return weighted_average(self.per_label)

    @property
    def baseline(self) -> tuple[str, float]:
        """The label with the most images, and the accuracy of always saying it."""
        most = max(self.per_label, key=lambda entry: entry.support)
        return most.label, most.support / self.images

    @property
    def loss(self) -> float:
        """Negative log likelihood of the right labels, in nats for each image."""
        return float(np.mean(-np.log(np.maximum(self.true_probabilities, SMALLEST_PROBABILITY))))

    @cached_property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """How often the best label is right, by its probability."""
        return reliability_bins(self.confidences, self.right)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1."""
        return calibration_error(self.reliability)

    @property
    def unknown(self) -> UnknownFacts | None:
        """What the threshold does; None if there is none."""
        if self.unknown_threshold is None:
            return None
        known = self.confidences >= self.unknown_threshold
        return UnknownFacts(
            threshold=self.unknown_threshold,
            answered=int(known.sum()),
            answered_right=int((known & self.right).sum()),
            rejected_right=int((~known & self.right).sum()),
            rejected_wrong=int((~known & ~self.right).sum()),
        )

    def worst_mistakes(self, count: int) -> list[int]:
        """Return the indices of the `count` wrong answers that the model was surest of, surest first."""
        wrong = np.flatnonzero(~self.right)
        order = np.argsort(-self.confidences[wrong], kind="stable")
        return [int(index) for index in wrong[order[:count]]]

    def confusions(self, count: int) -> list[Confusion]:
        """Return the `count` most frequent pairs of a label and what it was wrongly taken for, most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        pairs = [divmod(int(place), len(self.labels)) for place in order]
        return [
            Confusion(self.labels[row], self.labels[column], int(wrong[row, column]))
            for row, column in pairs
            if wrong[row, column]
        ]


MISTAKES_LISTED = 100


def evaluation_to_dict(evaluation: Evaluation, *, top: int) -> dict[str, Any]:
    """Return all figures of an evaluation; docs/evaluation.md explains them.

    Args:
        evaluation: What was found.
        top: The largest number of labels to give the accuracy for, among which the right one is.
    """
    low, high = evaluation.accuracy_interval
    label, baseline = evaluation.baseline
    unknown = evaluation.unknown
    return {
        "images": evaluation.images,
        "accuracy": evaluation.accuracy,
        "accuracy_interval": [low, high],
        "top_accuracy": {
            str(count): evaluation.top_accuracy(count) for count in range(1, min(top, len(evaluation.labels)) + 1)
        },
        "baseline": {"label": label, "accuracy": baseline},
        "macro": asdict(evaluation.macro),
        "weighted": asdict(evaluation.weighted),
        "negative_log_likelihood": evaluation.loss,
        "expected_calibration_error": evaluation.calibration_error,
        "unknown": None if unknown is None else asdict(unknown),
        "time_ms": {
            "median": float(np.median(evaluation.times_ms)),
            "p95": float(np.percentile(evaluation.times_ms, 95)),
        },
        "provider": evaluation.provider,
        "workers": evaluation.workers,
        "duration_s": evaluation.duration_s,
        "labels": [asdict(entry) for entry in evaluation.per_label],
        "confusion_matrix": evaluation.confusion.tolist(),
        "reliability": [asdict(entry) for entry in evaluation.reliability],
        "worst_mistakes": [
            {
                "image": str(evaluation.paths[index]),
                "shown": evaluation.labels[evaluation.label_ids[index]],
                "said": evaluation.labels[evaluation.top_ids[index, 0]],
                "probability": float(evaluation.confidences[index]),
            }
            for index in evaluation.worst_mistakes(MISTAKES_LISTED)
        ],
        "failures": [{"image": name, "error": error.as_dict()} for name, error in evaluation.failures.items()],
    }
