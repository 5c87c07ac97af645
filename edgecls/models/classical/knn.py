"""k nearest neighbours: the training images themselves, kept in the model file."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import DOUBLE, FLOAT, Graph
from edgecls.models.classical.projection import COMPONENTS, Projection, fit_projection
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["NearestNeighbours", "fit_knn"]

NEIGHBOURS = 15
BEYOND = 0.01  # of the squared distance of the farthest neighbour: images practically as near count a little
SMALLEST_SQUARE = (
    1e-6  # of the mean square of all stored images: keeps weights above 0 where an image is stored many times
)
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class NearestNeighbours:
    """Stored images and their labels, all of which vote by how near they are.

    The weight of a stored image falls with the square of its distance, and is 0 a little beyond
    the k-th nearest. Nothing depends on which of several images equally far away is the k-th: on
    another machine, where sums run in another order, it would be another one.

    Attributes:
        projection: What brings features to the stored form.
        stored: float32, ``[M, P]``: the images.
        one_hot: float32, ``[M, K]``: their labels.
        neighbours: Which neighbour sets how far the others may be, counted from 1.

    Source:
        Hechenbichler and Schliep, "Weighted k-Nearest-Neighbor Techniques and Ordinal
        Classification", 2004 (the Epanechnikov kernel, as wide as the k-th neighbour is far).
    """

    projection: Projection
    stored: FeatureRows
    one_hot: FeatureRows
    neighbours: int

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the share of each label in the votes."""
        return np.concatenate(list(self._in_parts(self.projection.apply(features).astype(np.float64))))

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the distances to all stored images and their votes, in double precision.

        Distances come from one matrix product, in which the large squares nearly cancel.
        """
        stored = graph.node("Cast", graph.constant(self.stored), to=DOUBLE)
        point = graph.node("Cast", self.projection.add_to(graph, features), to=DOUBLE)
        distances = graph.squared_distances(point, stored)
        nearest = graph.smallest(distances, self.neighbours)
        farthest = graph.node("ReduceMax", nearest, graph.constant([1], np.int64), keepdims=1)
        stretched = graph.node("Mul", farthest, graph.constant(1 + BEYOND, np.float64))
        reach = graph.node("Add", stretched, graph.constant(self._floor, np.float64))
        weights = graph.node("Relu", graph.node("Sub", reach, distances))
        votes = graph.node("MatMul", weights, graph.node("Cast", graph.constant(self.one_hot), to=DOUBLE))
        total = graph.node("ReduceSum", votes, graph.constant([1], np.int64), keepdims=1)
        return graph.node("Cast", graph.node("Div", votes, total), to=FLOAT)

    @property
    def _floor(self) -> float:
        return SMALLEST_SQUARE * max(float(np.square(self.stored).sum(axis=1).mean()), SMALLEST_SQUARE)

    def _in_parts(self, points: npt.NDArray[np.float64]) -> Iterator[Probabilities]:
        pairwise = import_from_extra("sklearn.metrics.pairwise", extra="classical", purpose="running knn")
        for start in range(0, len(points), ROWS_AT_ONCE):
            part = points[start : start + ROWS_AT_ONCE]
            distances = pairwise.euclidean_distances(part, self.stored.astype(np.float64), squared=True)
            farthest = np.partition(distances, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
            reach = (1 + BEYOND) * farthest[:, np.newaxis] + self._floor
            votes = np.maximum(reach - distances, 0) @ self.one_hot
            yield (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)


@register_classical("knn", settings={"neighbours": NEIGHBOURS, "components": COMPONENTS})
def fit_knn(rows: TrainingRows) -> NearestNeighbours:
    """Store all images, as COMPONENTS numbers each: 256 bytes an image, and 4 for each label."""
    projection = fit_projection(rows)
    one_hot = np.eye(len(rows.counts), dtype=np.float32)[rows.label_ids]
    stored = projection.apply(rows.features)
    return NearestNeighbours(projection, stored, one_hot, min(NEIGHBOURS, len(stored)))
