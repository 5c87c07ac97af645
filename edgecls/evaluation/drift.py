"""Whether images still look like those that a model was held to: distances of histograms, and what chance explains."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from edgecls.reference import VALUES, Reference
from edgecls.runtime.prediction import Prediction

__all__ = ["CHANCE", "LABEL", "MIN_SEEN", "Comparison", "Drift", "Tally", "compare"]

LABEL = "label"
"""What the comparison of the predicted labels is called, beside those of VALUES."""

MIN_SEEN = 30
"""Of fewer images, nothing is said."""

CHANCE = 1e-5
"""How often chance exceeds the noise of one comparison.

There are seven of them, and they are made again and again while images come: on images of the same kind, at most one of
a hundred windows may be called changed (benchmarks/drift.py measures that).
"""

LEAST_EXPECTED = 8.0  # images in a bin, of both sides; bins with fewer are merged


class Tally:
    """Counts of images in the bins of a reference.

    Args:
        reference: Has the bins.

    Attributes:
        counts: By what is counted: the images in each bin.
        confidence: The sum of their largest probabilities.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.counts = {name: [0] * len(found.counts) for name, found in reference.histograms.items()}
        self.counts[LABEL] = [0] * len(reference.labels.counts)
        self.confidence = 0.0

    def add(self, prediction: Prediction) -> None:
        """Count an image; what is not known of it is left out."""
        look = prediction.appearance
        values = {"probability": prediction.probability, "familiarity": prediction.familiarity}
        if look is not None:
            values |= look._asdict()
        for name, histogram in self._reference.histograms.items():
            value = values.get(name)
            if value is not None and value == value:
                self.counts[name][histogram.place(value)] += 1
        self.counts[LABEL][self._reference.labels.place(prediction.best_index)] += 1
        self.confidence += prediction.probability

    @property
    def images(self) -> int:
        """Number of images counted."""
        return sum(self.counts[LABEL])

    def drift(self, labels: Sequence[str]) -> "Drift":
        """Compare what was counted with the reference; `labels` are those of the model."""
        return compare(self._reference, self.counts, self.confidence, labels)


@dataclass(frozen=True)
class Comparison:
    """One kind of value, of images seen and of held-out ones.

    Attributes:
        what: One of VALUES, or LABEL.
        images: Number of images seen.
        distance: Jensen-Shannon distance of the two histograms, 0 to 1; bins with few images are merged first.
        noise: What chance exceeds once in 1 / CHANCE times, with this number of images.
        change: "higher" or "lower"; of LABEL, "more" or "less" of the label whose share has changed most.
    """

    what: str
    images: int
    distance: float
    noise: float
    change: str

    @property
    def is_changed(self) -> bool:
        """True if chance does not explain the distance."""
        return self.distance > self.noise


@dataclass(frozen=True)
class Drift:
    """How images seen compare with held-out ones.

    Attributes:
        images: Number of images seen.
        comparisons: Of everything that is known of enough images of both.
        expected_accuracy: Mean of the largest probabilities; None without images. It is the accuracy to be expected
            where the probabilities are calibrated and the images look like the held-out ones.
    """

    images: int
    comparisons: tuple[Comparison, ...]
    expected_accuracy: float | None

    @property
    def is_enough(self) -> bool:
        """True if there are enough images to say anything."""
        return self.images >= MIN_SEEN and bool(self.comparisons)

    @property
    def changed(self) -> tuple[Comparison, ...]:
        """What chance does not explain, the most changed first."""
        found = [comparison for comparison in self.comparisons if comparison.is_changed]
        return tuple(sorted(found, key=lambda comparison: comparison.noise / comparison.distance))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; `like` is null where there are too few images."""
        return {
            "images": self.images,
            "like": not self.changed if self.is_enough else None,
            "changed": [comparison.what for comparison in self.changed],
            "expected_accuracy": None if self.expected_accuracy is None else round(self.expected_accuracy, 4),
            "comparisons": [
                {
                    **asdict(comparison),
                    "distance": round(comparison.distance, 4),
                    "noise": round(comparison.noise, 4),
                    "is_changed": comparison.is_changed,
                }
                for comparison in self.comparisons
            ],
        }


def compare(reference: Reference, counts: dict[str, list[int]], confidence: float, labels: Sequence[str]) -> Drift:
    """Compare images seen with held-out ones.

    Args:
        reference: Of the held-out images.
        counts: As `Tally` has them.
        confidence: The sum of the largest probabilities.
        labels: Of the model.
    """
    images = sum(counts[LABEL])
    comparisons: list[Comparison] = []
    for name in VALUES:
        if name in reference.histograms:
            before, seen = reference.histograms[name].counts, counts[name]
            change = "higher" if _mean_place(seen) > _mean_place(before) else "lower"
            comparisons += _compared(name, before, seen, list(_neighbours(before, sum(seen))), change)
    before, seen = reference.labels.counts, counts[LABEL]
    names = [labels[index] for index in reference.labels.labels] + ["others"]
    shares = [after / max(1, images) - count / sum(before) for after, count in zip(seen, before, strict=True)]
    most = max(range(len(shares)), key=lambda place: abs(shares[place]))
    change = f"{'more' if shares[most] > 0 else 'less'} {names[most]}"
    comparisons += _compared(LABEL, before, seen, _large_and_rest(before, images), change)
    return Drift(images, tuple(comparisons), confidence / images if images else None)


def _compared(
    what: str, before: Sequence[int], seen: Sequence[int], bins: Sequence[Sequence[int]], change: str
) -> Iterator[Comparison]:
    """Yield the comparison, unless there are too few images for two bins."""
    images, held_out = sum(seen), sum(before)
    if images < MIN_SEEN or len(bins) < 2:
        return
    shares = [
        (sum(before[place] for place in places) / held_out, sum(seen[place] for place in places) / images)
        for places in bins
    ]
    divergence = sum(_part(one, two) + _part(two, one) for one, two in shares) / 2
    spread = (1 / held_out + 1 / images) / (8 * math.log(2))
    noise = math.sqrt(_chi_square(len(bins) - 1) * spread)
    yield Comparison(what, images, math.sqrt(max(0.0, divergence)), min(1.0, noise), change)


def _part(share: float, other: float) -> float:
    """Return one bin's part of a Kullback-Leibler divergence from the mean of both, in bits."""
    return share * math.log2(2 * share / (share + other)) if share > 0 else 0.0


def _chi_square(degrees: int) -> float:
    """Return the quantile of the chi-square distribution that chance exceeds (Wilson and Hilferty)."""
    part = 2 / (9 * degrees)
    return degrees * (1 - part + NormalDist().inv_cdf(1 - CHANCE) * math.sqrt(part)) ** 3


def _neighbours(before: Sequence[int], images: int) -> Iterator[list[int]]:
    """Yield the bins of a histogram, merged with neighbours until each may be expected to have enough images."""
    needed = _needed(before, images)
    places: list[int] = []
    waiting = sum(before)
    for place, count in enumerate(before):
        places.append(place)
        waiting -= count
        if sum(before[index] for index in places) >= needed and waiting >= needed:
            yield places
            places = []
    if places:
        yield places


def _large_and_rest(before: Sequence[int], images: int) -> list[list[int]]:
    """Return a bin for each label that may be expected to have enough images, and one for the others."""
    needed = _needed(before, images)
    large = [[place] for place, count in enumerate(before) if count >= needed]
    rest = [place for place, count in enumerate(before) if count < needed]
    if not rest or not large:
        return large or [rest]
    if sum(before[place] for place in rest) >= needed or len(large) == 1:
        return [*large, rest]
    smallest = min(large, key=lambda places: before[places[0]])
    return [places if places is not smallest else [*smallest, *rest] for places in large]


def _needed(before: Sequence[int], images: int) -> float:
    """Return how many held-out images a bin must have, so that enough are expected of both."""
    return LEAST_EXPECTED * max(1.0, sum(before) / max(1, images))


def _mean_place(counts: Iterable[int]) -> float:
    """Return the mean index of the bin."""
    total = weighted = 0
    for place, count in enumerate(counts):
        total, weighted = total + count, weighted + place * count
    return weighted / max(1, total)
