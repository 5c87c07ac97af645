"""Thresholds of familiarity, from the familiarity of images that no prototype was fitted to."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgecls.export.familiarity.features import FeatureRows
from edgecls.export.familiarity.prototypes import fit_prototypes
from edgecls.model_card import Familiarity, FamiliarityLevel

__all__ = ["DEFAULT_ACCEPTED", "ENOUGH", "choose_thresholds", "cross_fitted", "reference_scores"]

Scores = npt.NDArray[np.floating]
"""Familiarities: ``[N]``."""

DEFAULT_ACCEPTED = 0.98
ACCEPTED = (0.9, 0.95, 0.98, 0.99)

ENOUGH = 100
"""Held-out images that suffice for thresholds; fewer are completed by training images."""

FOLDS = 5
LEAVE_ONE_OUT = 60  # images, up to which each is a fold of its own
MOST_CROSS_FITTED = 4000  # images
CAUTION = 4  # of few images: how much wider they are taken to scatter than they do, divided by their number
DIGITS = 6  # of a threshold in the document


def choose_thresholds(scores: Scores) -> Familiarity:
    """Return the thresholds that let given proportions of images through.

    Where there are too few images for a proportion (98 % takes 49), the threshold is below all of them: as far as if
    their lower half were that of a normal distribution, and further where they are very few.

    Args:
        scores: Familiarities of images of the training images' kind, at least one.
    """
    ordered = np.sort(np.asarray(scores, np.float64))
    thresholds = np.minimum.accumulate([_threshold(ordered, accepted) for accepted in ACCEPTED])
    levels = [
        FamiliarityLevel(accepted, float(np.floor(threshold * 10**DIGITS) / 10**DIGITS))
        for accepted, threshold in zip(ACCEPTED, thresholds, strict=True)
    ]
    chosen = next(level.threshold for level in levels if level.accepted == DEFAULT_ACCEPTED)
    return Familiarity(chosen, round(float((ordered >= chosen).mean()), DIGITS), len(ordered), tuple(levels))


def _threshold(ordered: Scores, accepted: float) -> float:
    count = len(ordered)
    rejected = int((1 - accepted) * (count + 1) + 1e-9)  # of new images, as many in expectation
    if rejected:
        return float(ordered[rejected - 1])
    middle = float(np.median(ordered))
    lower = ordered[ordered <= middle]
    deviation = float(np.sqrt(((lower - middle) ** 2).mean())) * (1 + CAUTION / count)
    return min(float(ordered[0]), middle - NormalDist().inv_cdf(accepted) * deviation)


def cross_fitted(
    rows: FeatureRows,
    groups: npt.NDArray[np.int64],
    *,
    labels: int,
    alike: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Scores:
    """Return the familiarity of training images, each judged by prototypes that were fitted without it.

    Images that are alone in their group are left out, unless all are. At most MOST_CROSS_FITTED images are judged.

    Args:
        rows: Features, ``[N, D]``, N at least 2.
        groups: The group of each, as for `fit_prototypes`.
        labels: Number of labels of the model.
        alike: A number for each, the same for those that look alike, which are left out together; None if none do.
        seed: Of the folds.
    """
    chosen = np.random.default_rng(seed).permutation(len(groups))[:MOST_CROSS_FITTED]
    judged = chosen[np.argsort(groups[chosen], kind="stable")]  # the folds take turns within each group
    folds = len(judged) if len(judged) <= LEAVE_ONE_OUT else FOLDS
    alike = np.arange(len(groups)) if alike is None else alike
    _, firsts, place = np.unique(alike[judged], return_index=True, return_inverse=True)
    fold_of = (np.argsort(np.argsort(firsts)) % folds)[place]
    scores = np.empty(len(judged), np.float32)
    for fold in np.unique(fold_of):
        in_fold = fold_of == fold
        left_out = np.isin(alike, alike[judged[in_fold]])
        fitted = fit_prototypes(rows, groups, labels=labels, left_out=left_out, seed=seed)
        scores[in_fold] = fitted.familiarity(rows[judged[in_fold]])
    each_once = np.unique(np.stack([groups, alike]), axis=1)[0]  # the groups of images, look-alikes once
    values, different = np.unique(each_once, return_counts=True)
    has_others = different[np.searchsorted(values, groups[judged])] > 1
    return scores[has_others] if has_others.any() else scores


def reference_scores(held_out: Scores, training: Scores) -> Scores:
    """Return the familiarities to choose thresholds by.

    These are the held-out images alone, if there are ENOUGH. Otherwise the training images complete them, lowered by as
    much as their median is above that of the held-out ones: a network knows what it was trained on better.

    Args:
        held_out: Of images that neither the network nor the prototypes have seen; may be empty.
        training: Of training images, from `cross_fitted`.
    """
    if len(held_out) >= ENOUGH or not len(training):
        return held_out
    lowered = max(0.0, float(np.median(training) - np.median(held_out))) if len(held_out) else 0.0
    return np.concatenate([held_out, training - lowered])
