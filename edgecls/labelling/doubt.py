"""How probably each label is wrong: out-of-sample answers, and how often labels disagree with them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.export.familiarity.features import FeatureRows

__all__ = ["Doubts", "Neighbours", "doubts", "nearest_neighbours"]

LabelIds = npt.NDArray[np.integer]
Scores = npt.NDArray[np.float64]

LANDMARKS = 2048
"""Images that the kernel is computed with; of fewer images it is the whole kernel (Williams and Seeger, "Using the
Nyström method to speed up kernel machines", NIPS 2000)."""

SHARPNESS = 4.0  # of the kernel exp(SHARPNESS * (cosine - 1))
RIDGE = 0.3
JITTER = 1e-3  # on the kernel of the landmarks, of which some may be the same
FOLDS = 5

NEIGHBOURS = 15
CLOSENESS = 8  # power of the cosine that a neighbour's vote counts
VOTES = 0.5  # of the neighbours, in relation to the scores of the classifiers

ROWS_AT_ONCE = 2048
USUAL_WRONG, USUAL_OF = 1, 20
"""What counts beside the labels when their share of wrong ones is estimated: one wrong of twenty."""

ROUNDS = 50
TEMPERATURES = np.geomspace(0.2, 3, 30)
FLOOR = 0.1  # of the score of a label, for an even share of all labels: ridge classifiers also give less than nothing
SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class Neighbours:
    """The images most like each image, look-alikes left out.

    Attributes:
        indices: The nearest first, ``[N, M]``.
        cosines: Of the features, ``[N, M]``; below -1 where there are not so many images.
    """

    indices: npt.NDArray[np.int64]
    cosines: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Doubts:
    """What is known about the label of each of N images.

    Attributes:
        probabilities: Of each label, ``[N, K]``, by classifiers that were not fitted to the image or its look-alikes.
        wrong: The probability that the given label is wrong, ``[N]``, calibrated so that it says how many of several
            images have a wrong label; 0 where it cannot be judged.
        thresholds: For each label the mean probability of the images that have it, ``[K]``: from there on, another
            label speaks against the given one (Northcutt et al., "Confident Learning", JAIR 2021).
        is_judged: Whether the label can be judged: there are other images of it that are no look-alikes.
        noise: The estimated share of wrong labels of all.
    """

    probabilities: Scores
    wrong: Scores
    thresholds: Scores
    is_judged: npt.NDArray[np.bool_]
    noise: float


def nearest_neighbours(rows: FeatureRows, groups: npt.NDArray[np.int64], count: int = NEIGHBOURS) -> Neighbours:
    """Return the neighbours of each image, by the cosine of features.

    Args:
        rows: Features of length 1, ``[N, D]``.
        groups: A number for each image, the same for look-alikes, which are no neighbours of each other.
        count: Number of neighbours, M; less if there are fewer images.
    """
    count = min(count, len(rows) - 1)
    indices, cosines = [], []
    for part in _parts(len(rows)):
        found = rows[part] @ rows.T
        found[groups[part, np.newaxis] == groups] = -2
        nearest = np.argpartition(-found, count, axis=1)[:, :count] if count < len(rows) - 1 else np.argsort(-found)
        order = np.argsort(-np.take_along_axis(found, nearest, axis=1), axis=1, kind="stable")[:, :count]
        nearest = np.take_along_axis(nearest, order, axis=1)
        indices.append(nearest)
        cosines.append(np.take_along_axis(found, nearest, axis=1))
    return Neighbours(np.concatenate(indices), np.concatenate(cosines).astype(np.float32))


def doubts(
    rows: FeatureRows,
    label_ids: LabelIds,
    groups: npt.NDArray[np.int64],
    neighbours: Neighbours,
    *,
    labels: int,
    seed: int = 0,
) -> Doubts:
    """Judge the label of each image by classifiers that have seen neither the image nor its look-alikes.

    Kernel ridge classifiers in five folds; then once more in other folds, with what looked wrong counting less; and the
    votes of neighbours. Their temperature and the share of wrong labels are chosen together, so that the labels as they
    are given become most probable.

    Args:
        rows: Features of length 1, ``[N, D]``.
        label_ids: The given labels, ``[N]``.
        groups: A number for each image, the same for look-alikes.
        neighbours: Of each image.
        labels: Number of labels, K.
        seed: Of landmarks and folds.
    """
    given = np.asarray(label_ids, np.int64)
    rng = np.random.default_rng(seed)
    landmarks = _Landmarks(rows[np.sort(rng.permutation(len(rows))[:LANDMARKS])])
    is_judged = _is_judged(given, groups, labels)
    first = _scores(landmarks, rows, given, _folds(given, groups, rng), labels, np.ones(len(rows)))
    wrong, _, _ = _mixture(_logits(first), given, is_judged)
    second = _scores(landmarks, rows, given, _folds(given, groups, rng), labels, 1 - wrong)
    logits = _logits(((first + second) / 2 + VOTES * _votes(neighbours, given, labels)) / (1 + VOTES))
    wrong, temperature, noise = _mixture(logits, given, is_judged)
    probabilities = _softmax(logits / temperature)
    own = probabilities[np.arange(len(given)), given]
    counts = np.bincount(given, minlength=labels)
    thresholds = np.bincount(given, weights=own, minlength=labels) / np.maximum(counts, 1)
    return Doubts(probabilities, wrong, thresholds, is_judged, noise)


class _Landmarks:
    """Features of features: their products are the kernel, as far as the landmarks span it."""

    def __init__(self, rows: FeatureRows) -> None:
        self._rows = rows
        kernel = self._kernel(rows).astype(np.float64)
        kernel[np.diag_indices(len(rows))] += JITTER
        self._inverse = np.linalg.inv(np.linalg.cholesky(kernel)).T.astype(np.float32)

    def of(self, rows: FeatureRows) -> FeatureRows:
        found: FeatureRows = self._kernel(rows) @ self._inverse
        return found

    @property
    def count(self) -> int:
        """Their number."""
        return len(self._rows)

    def _kernel(self, rows: FeatureRows) -> FeatureRows:
        return np.asarray(np.exp(np.float32(SHARPNESS) * (rows @ self._rows.T - 1)), np.float32)


def _scores(
    landmarks: _Landmarks,
    rows: FeatureRows,
    given: npt.NDArray[np.int64],
    folds: npt.NDArray[np.int64],
    labels: int,
    weights: Scores,
) -> Scores:
    """Return the scores of all labels, ``[N, K]``, of each image by the ridge classifier of the other folds."""
    counts = np.bincount(given, weights=weights, minlength=labels)
    prior = (counts / counts.sum()).astype(np.float32)
    used = np.unique(folds)
    squares = np.zeros((len(used), landmarks.count, landmarks.count), np.float32)
    products = np.zeros((len(used), landmarks.count, labels), np.float32)
    for place, fold in enumerate(used):
        members = np.flatnonzero(folds == fold)
        for part in _parts(len(members)):
            chosen = members[part]
            found = landmarks.of(rows[chosen])
            weighted = found * weights[chosen, np.newaxis].astype(np.float32)
            targets = np.eye(labels, dtype=np.float32)[given[chosen]] - prior
            squares[place] += found.T @ weighted
            products[place] += weighted.T @ targets
    all_squares, all_products = squares.sum(axis=0), products.sum(axis=0)
    scores = np.zeros((len(rows), labels))
    for place, fold in enumerate(used):
        system = all_squares - squares[place]
        system[np.diag_indices(len(system))] += np.float32(RIDGE)
        solution = np.linalg.solve(system, all_products - products[place])
        members = np.flatnonzero(folds == fold)
        for part in _parts(len(members)):
            scores[members[part]] = landmarks.of(rows[members[part]]) @ solution + prior
    return scores


def _votes(neighbours: Neighbours, given: npt.NDArray[np.int64], labels: int) -> Scores:
    """Return the share of each label among the neighbours of each image, ``[N, K]``."""
    weights = np.maximum(neighbours.cosines, 0) ** CLOSENESS
    votes = np.zeros((len(given), labels))
    places = np.broadcast_to(np.arange(len(given))[:, np.newaxis], weights.shape)
    np.add.at(votes, (places, given[neighbours.indices]), weights)
    return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), SMALLEST_PROBABILITY), np.float64)


def _logits(scores: Scores) -> Scores:
    return np.asarray(np.log(np.maximum(scores, FLOOR / scores.shape[1])), np.float64)


def _mixture(
    logits: Scores, given: npt.NDArray[np.int64], is_judged: npt.NDArray[np.bool_]
) -> tuple[Scores, float, float]:
    """Return how probably each label is wrong, a temperature, and the share of wrong labels.

    A label is taken to be right, with the probability of the softmax, or to be wrong, and then any other one alike.
    """
    places = np.flatnonzero(is_judged)
    wrong = np.zeros(len(given))
    if not len(places):
        return wrong, 1.0, 0.0
    best = (-np.inf, 1.0, 0.0, wrong[places])
    for temperature in TEMPERATURES.tolist():
        own = _softmax(logits[places] / temperature)[np.arange(len(places)), given[places]]
        other = (1 - own) / (logits.shape[1] - 1)
        noise = USUAL_WRONG / USUAL_OF
        for _ in range(ROUNDS):
            together = (1 - noise) * own + noise * other
            share = noise * other / np.maximum(together, SMALLEST_PROBABILITY)
            noise = (float(share.sum()) + USUAL_WRONG) / (len(share) + USUAL_OF)
        usual = USUAL_WRONG * np.log(noise) + (USUAL_OF - USUAL_WRONG) * np.log(1 - noise)
        likelihood = float(np.log(np.maximum((1 - noise) * own + noise * other, SMALLEST_PROBABILITY)).sum() + usual)
        if likelihood > best[0]:
            best = (likelihood, temperature, noise, share)
    _, temperature, noise, wrong[places] = best
    return wrong, temperature, noise


def _folds(
    given: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the fold of each image: groups stay together, and those of one label are dealt out in turns."""
    values, firsts, place = np.unique(groups, return_index=True, return_inverse=True)
    shuffled = rng.permutation(len(values))
    order = shuffled[np.argsort(given[firsts][shuffled], kind="stable")]
    fold_of = np.empty(len(values), np.int64)
    fold_of[order] = np.arange(len(values)) % min(FOLDS, len(values))
    return fold_of[place]


def _is_judged(given: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], labels: int) -> npt.NDArray[np.bool_]:
    pairs = np.unique(np.stack([given, groups]), axis=1)
    return np.asarray(np.bincount(pairs[0], minlength=labels)[given] > 1, np.bool_)


def _softmax(scores: Scores) -> Scores:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE))
