"""What held-out images look like to a model, as histograms in its document, that later images are compared with."""

import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from edgecls.errors import ModelFileError

__all__ = [
    "MIN_IMAGES",
    "VALUES",
    "Histogram",
    "LabelCounts",
    "Reference",
    "reference_from",
    "reference_of",
    "reference_to_dict",
]

VALUES = {
    "probability": 0.004,
    "familiarity": 0.002,
    "brightness": 0.5,
    "contrast": 0.5,
    "sharpness": 0.01,
    "side_ratio": 0.01,
}
"""What has a histogram, with the least width of its bins: a smaller difference may come from another machine."""

MIN_IMAGES = 20
"""Of fewer held-out images, nothing is kept: chance alone would explain almost any difference."""

MAX_BINS = 10
IMAGES_PER_BIN = 8  # of the held-out ones
MAX_LABELS = 120  # with a count of their own
MAX_EDGES = 100  # that are read
EDGE_DIGITS = 5


@dataclass(frozen=True)
class Histogram:
    """How often values were between which edges.

    Attributes:
        edges: In ascending order; a bin contains its upper edge.
        counts: Number of values up to the first edge, up to the second and so on, and above the last.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        _check(len(self.edges) <= MAX_EDGES, f"a histogram of the reference may have {MAX_EDGES} edges at most")
        _check(all(map(_is_number, self.edges)), "the edges of a histogram must be numbers")
        _check(all(low < high for low, high in pairwise(self.edges)), "the edges of a histogram must ascend")
        _check(len(self.counts) == len(self.edges) + 1, "a histogram must have one count more than edges")
        _check_counts(self.counts)

    def place(self, value: float) -> int:
        """Return the index of the bin of a value."""
        return bisect_left(self.edges, value)


@dataclass(frozen=True)
class LabelCounts:
    """How often labels were predicted.

    Attributes:
        labels: Indices of labels, ascending.
        counts: How often each of them was predicted, and how often another one.
    """

    labels: tuple[int, ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        _check(len(self.counts) == len(self.labels) + 1, "the reference must have one count more than labels")
        _check_counts((*self.labels, *self.counts))
        _check(all(low < high for low, high in pairwise(self.labels)), "the labels of the reference must ascend")

    def place(self, label_id: int) -> int:
        """Return the index of the count of a label."""
        place = bisect_left(self.labels, label_id)
        return place if place < len(self.labels) and self.labels[place] == label_id else len(self.labels)


@dataclass(frozen=True)
class Reference:
    """What held-out images look like to a model.

    Attributes:
        images: Number of held-out images.
        histograms: By the names of VALUES; a value that is not known has none.
        labels: The predicted labels.

    Raises:
        ModelFileError: A field is not what it must be.
    """

    images: int
    histograms: Mapping[str, Histogram]
    labels: LabelCounts

    def __post_init__(self) -> None:
        _check_counts((self.images,))
        for name, histogram in self.histograms.items():
            total = sum(histogram.counts)
            _check(0 < total <= self.images, f"the {name} histogram of the reference has {total} images")
        _check(0 < sum(self.labels.counts) <= self.images, "the labels of the reference do not fit its images")


def reference_of(
    values: Mapping[str, Sequence[float] | None], label_ids: Sequence[int], *, labels: int
) -> Reference | None:
    """Return the reference that held-out images make.

    Args:
        values: By the names of VALUES: one for each image; None, or no images, where it is not known.
        label_ids: Of each image the predicted label, as an index.
        labels: Number of the model's labels.

    Returns:
        None for fewer than MIN_IMAGES images.
    """
    if len(label_ids) < MIN_IMAGES:
        return None
    histograms = {
        name: _histogram(found, least) for name, least in VALUES.items() if (found := values.get(name)) and len(found)
    }
    return Reference(len(label_ids), histograms, _label_counts(label_ids, labels))


def reference_to_dict(reference: Reference) -> dict[str, Any]:
    """Return the reference as the JSON document holds it."""
    return {
        "images": reference.images,
        "histograms": {
            name: {"edges": list(histogram.edges), "counts": list(histogram.counts)}
            for name, histogram in reference.histograms.items()
        },
        "labels": {"labels": list(reference.labels.labels), "counts": list(reference.labels.counts)},
    }


def reference_from(document: Any) -> Reference:
    """Read a reference; histograms of values that are not among VALUES are ignored.

    Raises:
        ModelFileError: It is not valid.
    """
    found = _object(document, "reference")
    histograms = _object(found.get("histograms"), "reference.histograms")
    labels = _object(found.get("labels"), "reference.labels")
    return Reference(
        images=found.get("images"),  # type: ignore[arg-type]  # which it checks
        histograms={
            name: Histogram(
                *(_list(_object(value, f"reference.histograms.{name}"), key) for key in ("edges", "counts"))
            )
            for name, value in histograms.items()
            if name in VALUES
        },
        labels=LabelCounts(_list(labels, "labels"), _list(labels, "counts")),
    )


def _histogram(values: Sequence[float], least: float) -> Histogram:
    """Return a histogram whose bins have about the same number of values, and at least some width."""
    ordered = sorted(map(float, values))
    bins = max(2, min(MAX_BINS, len(ordered) // IMAGES_PER_BIN))
    edges: list[float] = []
    for number in range(1, bins):
        at = number * len(ordered) // bins
        while at < len(ordered) and ordered[at] <= ordered[at - 1]:  # equal values stay together
            at += 1
        if at == len(ordered):
            break
        edge = float(f"{(ordered[at - 1] + ordered[at]) / 2:.{EDGE_DIGITS}g}")
        if not edges or edge - edges[-1] >= least:
            edges.append(edge)
    counts = [0] * (len(edges) + 1)
    for value in ordered:
        counts[bisect_left(edges, value)] += 1
    return Histogram(tuple(edges), tuple(counts))


def _label_counts(label_ids: Sequence[int], labels: int) -> LabelCounts:
    counts = [0] * labels
    for label_id in label_ids:
        counts[label_id] += 1
    kept = sorted(sorted(range(labels), key=lambda label: -counts[label])[:MAX_LABELS])
    own = [counts[label] for label in kept]
    return LabelCounts(tuple(kept), (*own, len(label_ids) - sum(own)))


def _object(value: Any, name: str) -> dict[str, Any]:
    _check(isinstance(value, dict), f"its document is not valid: {name} must be an object")
    found: dict[str, Any] = value
    return found


def _list(document: Mapping[str, Any], key: str) -> tuple[Any, ...]:
    value = document.get(key)
    _check(isinstance(value, list), f"its document is not valid: {key} of the reference must be a list")
    return tuple(value)  # type: ignore[arg-type]  # it is a list


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ModelFileError(message)


def _check_counts(counts: Iterable[object]) -> None:
    for count in counts:
        _check(
            isinstance(count, int) and not isinstance(count, bool) and count >= 0,
            f"the reference must have whole numbers from 0 up, got {count!r}",
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
