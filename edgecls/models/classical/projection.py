"""Principal components: many features made few, for models that compare images by distance."""

from dataclasses import dataclass

import numpy as np

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.registry import FeatureRows, TrainingRows

__all__ = ["COMPONENTS", "Projection", "fit_projection"]

COMPONENTS = 64
"""Directions kept; a stored image takes 256 bytes. On the flowers, 128 or 192 are no better (svm, three splits)."""


@dataclass(frozen=True)
class Projection:
    """A linear map from features to fewer of them.

    Attributes:
        mean: float32, ``[F]``: what is taken off the features.
        axes: float32, ``[F, P]``: the directions.
    """

    mean: FeatureRows
    axes: FeatureRows

    def apply(self, features: FeatureRows) -> FeatureRows:
        """Return the features along the directions: float32, ``[N, P]``."""
        return np.asarray((features - self.mean) @ self.axes, np.float32)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the projection to a graph and return the name of its result."""
        centred = graph.node("Sub", features, graph.constant(self.mean))
        return graph.node("MatMul", centred, graph.constant(self.axes))


def fit_projection(rows: TrainingRows) -> Projection:
    """Find the directions in which the features vary most: COMPONENTS, or as many as there can be."""
    decomposition = import_from_extra("sklearn.decomposition", extra="classical", purpose="training this model")
    components = min(COMPONENTS, *rows.features.shape)
    with np.errstate(invalid="ignore"):  # images that are all alike: no variance, and no part of it
        found = decomposition.PCA(components, random_state=rows.seed).fit(rows.features)
    return Projection(found.mean_.astype(np.float32), np.ascontiguousarray(found.components_.T, np.float32))
