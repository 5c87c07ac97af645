"""k nearest neighbours: the training pictures themselves, kept in the model file."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.projection import COMPONENTS, Projection, fit_projection
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["NearestNeighbours", "fit_knn", "neighbour_weights"]

NEIGHBOURS = 15
FAR_WEIGHT = 0.01  # of the farthest neighbour, where the nearest one's is near 1
TINY = 1e-12  # keeps the weights above 0 where all neighbours are the picture itself


@dataclass(frozen=True)
class NearestNeighbours:
    """Stored pictures and their labels.

    Attributes:
        projection: What brings features to the stored form.
        estimator: A sklearn.neighbors.KNeighborsClassifier over the stored form.
        stored: float32, ``[M, P]``: its pictures.
        one_hot: float32, ``[M, K]``: their labels.
    """

    projection: Projection
    estimator: Any
    stored: FeatureRows
    one_hot: FeatureRows

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the neighbours' labels, each weighted by how near it is."""
        return np.asarray(self.estimator.predict_proba(self.projection.apply(features)), np.float32)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add distances to all stored pictures, the nearest of them, and their vote.

        The nearest are found by ``|s|^2 - 2 s.x``, one matrix product; that is too coarse for the
        weights of pictures that are nearly alike, so the distances of those few are computed again.
        """
        first, second, last = (graph.constant([axis], np.int64) for axis in (1, 2, -1))
        point = self.projection.add_to(graph, features)
        stored = graph.constant(self.stored)
        products = graph.node("MatMul", point, graph.constant(-2 * self.stored.T))
        rough = graph.node("Add", products, graph.constant(np.square(self.stored).sum(axis=1)))
        nearest = graph.smallest(rough, self.estimator.n_neighbors)
        differences = graph.node("Sub", graph.node("Gather", stored, nearest), graph.node("Unsqueeze", point, first))
        squared = graph.node("ReduceSumSquare", differences, second, keepdims=0)
        reach = graph.node("ReduceMax", squared, last, keepdims=1)
        scaled_reach = graph.node("Mul", reach, graph.constant(1 + FAR_WEIGHT))
        weights = graph.node("Add", graph.node("Sub", scaled_reach, squared), graph.constant(TINY))
        labels = graph.node("Gather", graph.constant(self.one_hot), nearest)
        votes = graph.node(
            "ReduceSum", graph.node("Mul", labels, graph.node("Unsqueeze", weights, last)), first, keepdims=0
        )
        return graph.node("Div", votes, graph.node("ReduceSum", weights, last, keepdims=1))


def neighbour_weights(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weight of each neighbour, for distances ``[N, k]``.

    It falls with the square of the distance, to nearly nothing at the farthest: a picture that
    just enters or leaves the neighbourhood changes the answer a little only.

    Source:
        Hechenbichler and Schliep, "Weighted k-Nearest-Neighbor Techniques and Ordinal
        Classification", 2004 (the Epanechnikov kernel).
    """
    squared = np.square(distances)
    reach = squared.max(axis=1, keepdims=True)
    weights: npt.NDArray[np.float64] = (1 + FAR_WEIGHT) * reach - squared + TINY
    return weights


@register_classical("knn", settings={"neighbours": NEIGHBOURS, "components": COMPONENTS})
def fit_knn(rows: TrainingRows) -> NearestNeighbours:
    """Store all pictures, as COMPONENTS numbers each: 256 bytes a picture, and 4 for each label."""
    neighbors = import_from_extra("sklearn.neighbors", extra="classical", purpose="training knn")
    projection = fit_projection(rows)
    stored = projection.apply(rows.features)
    estimator = neighbors.KNeighborsClassifier(
        min(NEIGHBOURS, len(stored)), weights=neighbour_weights, algorithm="brute"
    )
    one_hot = np.eye(len(rows.counts), dtype=np.float32)[rows.label_ids]
    return NearestNeighbours(projection, estimator.fit(stored, rows.label_ids), stored, one_hot)
