"""Multinomial logistic regression: one weight for each feature and label. It suits the features of a backbone."""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.extras import import_from_extra
from edgecls.in_order import map_in_order
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["LinearClassifier", "OutOfFold", "fit_and_cross_validate", "fit_linear"]

PENALTIES = (0.003, 0.01, 0.03, 0.1)
"""Of which cross-validation chooses: the larger, the less the weights are held back."""

USUAL_PENALTY = 0.03  # where there are too few images to choose
FOLDS = 5
MOST_ROWS = 2500  # that the penalty is chosen on
ITERATIONS = 100
LARGE = 2**24  # numbers, from which on several threads are faster than they are in each other's way
SMALLEST_PROBABILITY = 1e-7  # in the loss that chooses


@dataclass(frozen=True)
class LinearClassifier:
    """A fitted logistic regression.

    Attributes:
        estimator: A sklearn.linear_model.LogisticRegression.
        penalty: What it was fitted with: the inverse of the strength of regularisation.
        temperature: What its logits are divided by.
    """

    estimator: Any
    penalty: float
    temperature: float = 1.0

    def logits(self, features: FeatureRows) -> npt.NDArray[np.float64]:
        """Return the logits without the temperature: ``[N, K]``."""
        found = np.asarray(self.estimator.decision_function(features), np.float64)
        return np.stack([-found / 2, found / 2], axis=1) if found.ndim == 1 else found

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the softmax of the logits, as scikit-learn computes it."""
        if self.temperature == 1:
            return np.asarray(self.estimator.predict_proba(features), np.float32)
        scaled = self.logits(features) / self.temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def calibrated(self, temperature: float) -> "LinearClassifier":
        """Return the same model with another temperature."""
        return replace(self, temperature=temperature)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the weights and the softmax; the temperature is folded into the weights."""
        weights, biases = self.estimator.coef_, self.estimator.intercept_
        if len(weights) == 1:
            weights, biases = np.concatenate([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
        products = graph.node("MatMul", features, graph.constant(weights.T / self.temperature))
        return graph.node("Softmax", graph.node("Add", products, graph.constant(biases / self.temperature)), axis=1)


@dataclass(frozen=True)
class OutOfFold:
    """The answers of classifiers that were fitted without the rows they answer for: cross-validation.

    Attributes:
        log_probabilities: ``[N, K]``, which stand for logits; of rows that are not judged without meaning.
        is_judged: ``[N]``: false for the rows of a label that has a single group, which is always needed.
        folds: Number of classifiers.
    """

    log_probabilities: npt.NDArray[np.float64]
    is_judged: npt.NDArray[np.bool_]
    folds: int


def fit_linear(rows: TrainingRows) -> LinearClassifier:
    """Fit a logistic regression; the strength of its regularisation is chosen by cross-validation.

    Rows of one group are never on both sides. Where a label has a single group, nothing can be chosen.
    """
    with _quietly():
        penalty = _chosen_penalty(rows)
        return _final(rows, penalty)


def fit_and_cross_validate(rows: TrainingRows, *, folds: int) -> tuple[LinearClassifier, OutOfFold]:
    """Fit a logistic regression to all rows, and answer for each row as if it were new.

    Each row is answered for by a classifier that was fitted without its group; the strength of that classifier's
    regularisation is chosen without the rows that it answers for.

    Args:
        rows: The rows; all of them are used to choose the strength, so they should be few.
        folds: Number of parts, at least 2; fewer if no label has so many groups.
    """
    with _quietly():
        parts, is_judged = _parts(rows, folds)
        if not parts:
            log_probabilities = np.zeros((len(rows.label_ids), len(rows.counts)))
            return _final(rows, USUAL_PENALTY), OutOfFold(log_probabilities, is_judged, 0)
        jobs = [(penalty / rows.views, train, test) for penalty in PENALTIES for train, test in parts]
        short = _shortened(rows)
        found = list(map_in_order(lambda job: _log_probabilities(short, *job), jobs, workers=rows.threads))
        tests = [test for _, _, test in jobs]
        losses = np.reshape([_loss(rows, *pair) for pair in zip(found, tests, strict=True)], (len(PENALTIES), -1))
        totals = losses.sum(axis=1)
        log_probabilities = np.zeros((len(rows.label_ids), len(rows.counts)))
        for fold, (_, test) in enumerate(parts):
            choice = int((totals - losses[:, fold]).argmin())  # by the losses of the other folds
            log_probabilities[test] = found[choice * len(parts) + fold]
        fitted = _final(rows, PENALTIES[int(totals.argmin())])
    return fitted, OutOfFold(log_probabilities, is_judged, len(parts))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Ignore warnings of weights that go on growing, which changes no answer; each fit has a thread of its own."""
    pools = import_from_extra("threadpoolctl", extra="quick", purpose="training a linear model")
    exceptions = import_from_extra("sklearn.exceptions", extra="quick", purpose="training a linear model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        with pools.threadpool_limits(1):
            yield


def _final(rows: TrainingRows, penalty: float) -> LinearClassifier:
    pools = import_from_extra("threadpoolctl", extra="quick", purpose="training a linear model")
    with pools.threadpool_limits(rows.threads if rows.features.size >= LARGE else 1):
        fitted = _fitted(rows, np.arange(len(rows.label_ids)), penalty / rows.views)
    return LinearClassifier(fitted, penalty)


def _chosen_penalty(rows: TrainingRows) -> float:
    selection = import_from_extra("sklearn.model_selection", extra="quick", purpose="training a linear model")
    groups = _groups(rows)
    fewest = min(len(np.unique(groups[rows.label_ids == label])) for label in range(len(rows.counts)))
    if fewest < 2:
        return USUAL_PENALTY
    stride = -(-len(rows.label_ids) // MOST_ROWS)
    chosen = np.sort(np.argsort(rows.label_ids, kind="stable")[::stride])  # the same proportion of each label
    share = 1 / max(1.0, rows.views / stride)  # views of one image count as one together
    ids = rows.label_ids[chosen]
    folds = selection.StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=rows.seed)
    found = [(train, test) for train, test in folds.split(ids, ids, groups[chosen]) if len(set(ids[train])) > 1]
    if not found:
        return USUAL_PENALTY
    jobs = [(penalty * share, chosen[train], chosen[test]) for penalty in PENALTIES for train, test in found]
    losses = list(
        map_in_order(lambda job: _loss(rows, _log_probabilities(rows, *job), job[2]), jobs, workers=rows.threads)
    )
    return PENALTIES[int(np.reshape(losses, (len(PENALTIES), -1)).sum(axis=1).argmin())]


def _shortened(rows: TrainingRows) -> TrainingRows:
    """Return rows with no more features than there are rows, rotated: the fits are the same, and faster."""
    count, width = rows.features.shape
    if count >= width:
        return rows
    directions, _ = np.linalg.qr(rows.features.T)
    return replace(rows, features=rows.features @ directions)


def _parts(
    rows: TrainingRows, folds: int
) -> tuple[list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], npt.NDArray[np.bool_]]:
    """Return the rows to fit to and those to judge, for each fold, and which rows are ever judged.

    What a label has a single group of is always fitted to, and so are the rows of other labels in that group.
    """
    selection = import_from_extra("sklearn.model_selection", extra="quick", purpose="training a linear model")
    groups, labels = _groups(rows), range(len(rows.counts))
    of_label = [np.unique(groups[rows.label_ids == label]) for label in labels]
    always = np.concatenate([np.empty(0, np.int64), *(found for found in of_label if len(found) == 1)])
    judged = np.flatnonzero(~np.isin(groups, always))
    ids = rows.label_ids[judged]
    most = max((len(np.unique(groups[judged][ids == label])) for label in labels), default=0)
    parts = []
    if min(folds, most) > 1:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
            split = selection.StratifiedGroupKFold(min(folds, most), shuffle=True, random_state=rows.seed)
            tests = [judged[test] for _, test in split.split(ids, ids, groups[judged])]
        pairs = [(np.setdiff1d(np.arange(len(groups)), test), test) for test in tests if len(test)]
        parts = [(train, test) for train, test in pairs if len(set(rows.label_ids[train])) > 1]
    is_judged = np.zeros(len(groups), np.bool_)
    for _, test in parts:
        is_judged[test] = True
    return parts, is_judged


def _groups(rows: TrainingRows) -> npt.NDArray[np.int64]:
    return np.arange(len(rows.label_ids)) if rows.groups is None else rows.groups


def _log_probabilities(
    rows: TrainingRows, penalty: float, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the logarithms of the probabilities of rows that were not fitted to, ``[len(test), K]``."""
    estimator = _fitted(rows, train, penalty)
    probabilities = np.full((len(test), len(rows.counts)), SMALLEST_PROBABILITY)
    found = estimator.predict_proba(rows.features[test])
    probabilities[:, estimator.classes_] = np.maximum(found, SMALLEST_PROBABILITY)
    return np.asarray(np.log(probabilities), np.float64)


def _loss(rows: TrainingRows, log_probabilities: npt.NDArray[np.float64], test: npt.NDArray[np.int64]) -> float:
    """Return the sum of the cross-entropies of rows."""
    return -float(log_probabilities[np.arange(len(test)), rows.label_ids[test]].sum())


def _fitted(rows: TrainingRows, chosen: npt.NDArray[np.int64], penalty: float) -> Any:
    linear = import_from_extra("sklearn.linear_model", extra="quick", purpose="training a linear model")
    takes_all = len(chosen) == len(rows.label_ids)  # which then need no copy
    features, ids = (rows.features, rows.label_ids) if takes_all else (rows.features[chosen], rows.label_ids[chosen])
    estimator = linear.LogisticRegression(
        C=penalty, max_iter=ITERATIONS, class_weight="balanced" if rows.balanced else None
    )
    return estimator.fit(features, ids)


register_classical("linear", settings={"penalties": ", ".join(map(str, PENALTIES))})(fit_linear)
