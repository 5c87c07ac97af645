"""Prototypes: a few directions in the space of features for each group of training images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.errors import FamiliarityError
from edgecls.export.familiarity.features import FeatureRows

__all__ = ["Prototypes", "fit_prototypes", "normalized", "prototypes_for_each"]

MAX_BYTES = 4_000_000  # of the prototypes of a model file
BYTES_PER_LABEL = 160_000
PROTOTYPES_PER_LABEL = 32

MOST_IMAGES = 4000  # of a group that its prototypes are fitted to
ROUNDS = 30
CHANGE = 1e-4  # of the mean similarity, below which fitting ends
LARGEST_BYTE = 127
ROWS_AT_ONCE = 1024

SMOOTHNESS = 0.03
"""Of the maximum over the cosines to all prototypes. It lets fewer foreign images through than the plain maximum: 3.1
instead of 4.0 %, where 98 % of flowers are accepted, and 0.05 lets through 3.8 %."""

SMALLEST_LENGTH = 1e-6  # features of a blank image may all be zero; the graph adds it to every length


@dataclass(frozen=True)
class Prototypes:
    """Directions of length 1 in the space of features.

    Attributes:
        values: int8, ``[P, D]``.
        scales: float32, ``[P]``: what the values of each are multiplied by.
    """

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]

    @property
    def size_bytes(self) -> int:
        """What they take in a file."""
        return self.values.nbytes + self.scales.nbytes

    def familiarity(self, rows: FeatureRows) -> npt.NDArray[np.float32]:
        """Return a smooth maximum of the cosines to all prototypes, for each row of features: float32, ``[N]``.

        It is the logarithm of the sum of exp(cosine / SMOOTHNESS), times SMOOTHNESS: about 0.4 to 1.
        """
        directions = self.values.T.astype(np.float32) * self.scales
        parts = [_smooth_maximum(normalized(part) @ directions) for part in _parts(rows)]
        return np.concatenate(parts) if parts else np.empty(0, np.float32)


def prototypes_for_each(group: int, *, groups: int, labels: int, width: int) -> int:
    """Return how many prototypes a group of images gets at most.

    Args:
        group: Number of its images.
        groups: Number of groups.
        labels: Number of labels of the model: more groups than that, or fewer, share what is meant for its labels.
        width: Length of the features.

    Raises:
        FamiliarityError: Not even one for each group has room in the file.
    """
    one = width + np.dtype(np.float32).itemsize
    most = min(PROTOTYPES_PER_LABEL * labels, min(MAX_BYTES, BYTES_PER_LABEL * labels) // one) // groups
    if not most:
        raise FamiliarityError(
            f"familiarity needs a prototype of {one} bytes for each of {groups} groups of images, and a model file of "
            f"{labels} labels has room for {min(MAX_BYTES, BYTES_PER_LABEL * labels) / 1e6:.1f} MB of them; give the "
            "images in fewer class folders, or all in one folder"
        )
    return min(most, group)


def fit_prototypes(
    rows: FeatureRows,
    groups: npt.NDArray[np.int64],
    *,
    labels: int,
    left_out: npt.NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Prototypes:
    """Fit prototypes to the features of training images: spherical k-means within each group.

    Args:
        rows: The features.
        groups: The group of each row, ``[N]``: its label, or the same number for all.
        labels: Number of labels of the model.
        left_out: Which rows are not to be used, ``[N]``.
        seed: Of the choice of the first prototypes.

    Raises:
        FamiliarityError: There are so many groups that their prototypes are too large for the file.
    """
    used = np.ones(len(groups), np.bool_) if left_out is None else ~left_out
    present = np.unique(groups[used])
    found = []
    for group in present:
        members = np.flatnonzero((groups == group) & used)
        rng = np.random.default_rng([seed, int(group)])
        count = prototypes_for_each(len(members), groups=len(present), labels=labels, width=rows.shape[1])
        if len(members) > MOST_IMAGES:
            members = np.sort(rng.choice(members, MOST_IMAGES, replace=False))
        found.append(_k_means(normalized(rows[members]), count, rng))
    directions = np.concatenate(found)
    steps = np.abs(directions).max(axis=1, keepdims=True) / LARGEST_BYTE
    values = np.round(directions / np.maximum(steps, SMALLEST_LENGTH)).astype(np.int8)
    lengths = np.linalg.norm(values.astype(np.float32), axis=1)
    return Prototypes(values, (1 / np.maximum(lengths, 1)).astype(np.float32))


def normalized(rows: FeatureRows) -> FeatureRows:
    """Return features divided by their length, as the graph does it."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True) + np.float32(SMALLEST_LENGTH)
    return np.asarray(rows / lengths, np.float32)


def _parts(rows: FeatureRows) -> Iterator[FeatureRows]:
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))


def _smooth_maximum(cosines: FeatureRows) -> FeatureRows:
    powers = np.exp((cosines.astype(np.float64) - 1) / SMOOTHNESS)
    return np.asarray(1 + SMOOTHNESS * np.log(powers.sum(axis=1)), np.float32)


def _k_means(rows: FeatureRows, count: int, rng: np.random.Generator) -> FeatureRows:
    """Return `count` directions near rows of length 1: ``[count, D]``."""
    if count >= len(rows):
        return rows
    centres = _first_centres(rows, count, rng)
    before = -np.inf
    for _ in range(ROUNDS):
        similarities = rows @ centres.T
        nearest = similarities.argmax(axis=1)
        best = similarities[np.arange(len(rows)), nearest]
        members = nearest == np.arange(count)[:, np.newaxis]
        sums = members.astype(np.float32) @ rows
        empty = np.flatnonzero(~members.any(axis=1))
        sums[empty] = rows[np.argsort(best)[: len(empty)]]  # those that are furthest from all
        centres = normalized(sums)
        mean = float(best.mean())
        if mean - before < CHANGE and not len(empty):
            break
        before = mean
    return centres


def _first_centres(rows: FeatureRows, count: int, rng: np.random.Generator) -> FeatureRows:
    """Choose rows that are far from each other, as k-means++ does."""
    chosen = [int(rng.integers(len(rows)))]
    distances = np.maximum(1 - rows @ rows[chosen[0]], 0)
    while len(chosen) < count:
        total = distances.sum()
        weights = None if total <= 0 else distances / total
        chosen.append(int(rng.choice(len(rows), p=weights)))
        np.minimum(distances, np.maximum(1 - rows @ rows[chosen[-1]], 0), out=distances)
    return rows[chosen].copy()
