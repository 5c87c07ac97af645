"""The result of an evaluation: a few numbers for each image, and every metric that follows from them."""

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

__all__ = [
    "Confusion",
    "Evaluation",
    "ImagePath",
    "UnknownFacts",
    "Uri",
    "evaluation_to_dict",
    "headline_metrics",
]

MISTAKES_LISTED = 100
SHOWN, SHOWN_LABELS = 3, 20  # confusions and labels in a notebook
SMALLEST_PROBABILITY = 1e-12  # stands for 0 where a logarithm is taken


class Uri(str):
    """The URI of an image in object storage, in the place of the path of a local one."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The last part of it, as that of a path."""
        return self.rpartition("/")[2]


ImagePath = Path | Uri
"""Where an image is."""


@dataclass(frozen=True)
class Confusion:
    """A true label, another label predicted for it, and how often."""

    true_label: str
    predicted_label: str
    images: int


@dataclass(frozen=True)
class UnknownFacts:
    """How the thresholds change the answers.

    Attributes:
        threshold: Of the probability of the predicted label; None if there is none.
        answered: Number of images that got a label.
        answered_right: Number of those whose label is correct.
        rejected_right: Images answered "unknown" whose label would have been correct.
        rejected_wrong: Images answered "unknown" whose label would have been wrong.
        min_familiarity: The threshold of the familiarity; None if there is none.
        unlike: Images answered "unknown" as they are unlike the training images; the others are undecided.
    """

    threshold: float | None
    answered: int
    answered_right: int
    rejected_right: int
    rejected_wrong: int
    min_familiarity: float | None = None
    unlike: int = 0

    @property
    def rejected(self) -> int:
        """Number of images answered "unknown"."""
        return self.rejected_right + self.rejected_wrong


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """How a model performs on labelled images. Metrics are of the predicted label, whatever its probability.

    Attributes:
        labels: The labels of the model, K in number.
        paths: The images that could be classified, N in number, at least 1.
        label_ids: ``[N]``: their true labels.
        ranks: ``[N]``: how many labels the model found more probable than the true one; 0 if it is correct.
        true_probabilities: ``[N]``: the probability of the true label.
        top_ids: ``[N, T]``: its most probable labels, best first, T at least 1.
        top_probabilities: ``[N, T]``: their probabilities.
        times_ms: ``[N]``: from the encoded bytes to the answer, with `workers` images at once.
        failures: Why the other images could not be classified, by their names.
        unknown_threshold: Below this probability of the predicted label the answer is "unknown"; None for never.
        provider: The provider that the network ran on.
        workers: Number of images processed at once.
        duration_s: Seconds that the whole evaluation took.
        familiarities: ``[N]``: how much each image is like the training images; None if the model does not judge that.
        min_familiarity: Below this familiarity the answer is "unknown"; None for never.
    """

    labels: tuple[str, ...]
    paths: tuple[ImagePath, ...]
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
    familiarities: npt.NDArray[np.float64] | None = None
    min_familiarity: float | None = None

    def __repr__(self) -> str:
        low, high = self.accuracy_interval
        return f"<Evaluation: accuracy {self.accuracy:.4f} ({low:.4f} to {high:.4f}) on {self.images} images>"

    def _repr_html_(self) -> str:
        """Return the evaluation as notebooks show it: the accuracy, a bar for each label, the usual confusions."""
        from edgecls.notebook import Bar, bars, bold, facts

        low, high = self.accuracy_interval
        label, baseline = self.baseline
        shown = {
            "95 % interval": f"{low:.4f} to {high:.4f}",
            "baseline": f"{baseline:.4f} (always {label})",
            "macro F1": f"{self.macro.f1:.4f}",
            "confused": ", ".join(
                f"{entry.true_label} as {entry.predicted_label}: {entry.images}" for entry in self.confusions(SHOWN)
            ),
            "unknown": "" if self.unknown is None else f"{self.unknown.rejected} images",
            "left out": f"{len(self.failures)} images" if self.failures else "",
        }
        entries = [entry for entry in self.per_label if entry.recall is not None]
        worst = sorted(entries, key=lambda entry: entry.recall or 0)[:SHOWN_LABELS]
        recalls = [
            Bar(entry.label, entry.recall or 0, f"{entry.recall or 0:.4f} of {entry.support}")
            for entry in entries
            if entry in worst
        ]
        title = bold(f"accuracy {self.accuracy:.4f} on {self.images} images")
        more = f"<div>the {len(worst)} of {len(entries)} labels with the lowest recall:</div>"
        return f"<div><div>{title}</div>{facts(shown)}{more if len(worst) < len(entries) else ''}{bars(recalls)}</div>"

    @property
    def images(self) -> int:
        """Number of images classified."""
        return len(self.label_ids)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """bool, ``[N]``: whether the predicted label is the true one."""
        hits: npt.NDArray[np.bool_] = self.ranks == 0
        return hits

    @property
    def confidences(self) -> npt.NDArray[np.float64]:
        """``[N]``: the probability of the predicted label."""
        return self.top_probabilities[:, 0]

    @property
    def accuracy(self) -> float:
        """Fraction of the images whose predicted label is the true one."""
        return self.top_accuracy(1)

    def top_accuracy(self, count: int) -> float:
        """Return the fraction of the images whose true label is among the `count` most probable."""
        return float(np.mean(self.ranks < count))

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy (Wilson)."""
        return wilson_interval(int(self.right.sum()), self.images)

    @cached_property
    def confusion(self) -> Counts:
        """``[K, K]``; a row for each true label, a column for each predicted one."""
        return confusion_matrix(self.label_ids, self.top_ids[:, 0], num_labels=len(self.labels))

    @cached_property
    def per_label(self) -> tuple[LabelMetrics, ...]:
        """Precision, recall and F1 of each label, in the order of `labels`."""
        return per_label_metrics(self.confusion, self.labels)

    @property
    def macro(self) -> Averages:
        """Averages in which every label that has images has the same weight."""
        return macro_average(self.per_label)

    @property
    def weighted(self) -> Averages:
        """Averages in which every label is weighted by its number of images."""
        return weighted_average(self.per_label)

    @property
    def baseline(self) -> tuple[str, float]:
        """The label with the most images, and the accuracy of always predicting it."""
        most = max(self.per_label, key=lambda entry: entry.support)
        return most.label, most.support / self.images

    @property
    def loss(self) -> float:
        """Negative log likelihood of the true labels, in nats per image."""
        return float(np.mean(-np.log(np.maximum(self.true_probabilities, SMALLEST_PROBABILITY))))

    @cached_property
    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """How often the predicted label is correct, by its probability."""
        return reliability_bins(self.confidences, self.right)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, 0 to 1."""
        return calibration_error(self.reliability)

    @property
    def unknown(self) -> UnknownFacts | None:
        """How the thresholds change the answers; None if there is none."""
        if self.unknown_threshold is None and self.min_familiarity is None:
            return None
        is_like = np.ones(self.images, np.bool_)
        if self.familiarities is not None and self.min_familiarity is not None:
            is_like = self.familiarities >= self.min_familiarity
        known = is_like & (self.confidences >= (self.unknown_threshold or 0))
        return UnknownFacts(
            threshold=self.unknown_threshold,
            min_familiarity=self.min_familiarity,
            answered=int(known.sum()),
            answered_right=int((known & self.right).sum()),
            rejected_right=int((~known & self.right).sum()),
            rejected_wrong=int((~known & ~self.right).sum()),
            unlike=int((~is_like).sum()),
        )

    def worst_mistakes(self, count: int) -> list[int]:
        """Return the indices of the `count` wrong predictions with the highest probability, highest first."""
        wrong = np.flatnonzero(~self.right)
        order = np.argsort(-self.confidences[wrong], kind="stable")
        return [int(index) for index in wrong[order[:count]]]

    def confusions(self, count: int) -> list[Confusion]:
        """Return the `count` most frequent pairs of a true and a wrong predicted label, most frequent first."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:count]
        pairs = [divmod(int(place), len(self.labels)) for place in order]
        return [
            Confusion(self.labels[row], self.labels[column], int(wrong[row, column]))
            for row, column in pairs
            if wrong[row, column]
        ]


def headline_metrics(evaluation: Evaluation, *, prefix: str = "") -> dict[str, float]:
    """Return the few metrics that models are compared by, their names after a prefix."""
    metrics = {
        "accuracy": evaluation.accuracy,
        "macro_f1": evaluation.macro.f1,
        "negative_log_likelihood": evaluation.loss,
        "expected_calibration_error": evaluation.calibration_error,
    }
    return {prefix + name: value for name, value in metrics.items()}


def evaluation_to_dict(evaluation: Evaluation, *, top: int) -> dict[str, Any]:
    """Return all metrics of an evaluation; docs/how-to/evaluation.md explains them.

    Args:
        evaluation: The evaluation.
        top: Largest k of the top-k accuracies.
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
                "true_label": evaluation.labels[evaluation.label_ids[index]],
                "predicted_label": evaluation.labels[evaluation.top_ids[index, 0]],
                "probability": float(evaluation.confidences[index]),
            }
            for index in evaluation.worst_mistakes(MISTAKES_LISTED)
        ],
        "failures": [{"image": name, "error": error.as_dict()} for name, error in evaluation.failures.items()],
    }
