"""k-means: images in groups that were found without looking at the labels."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.projection import COMPONENTS, Projection, fit_projection
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["LabelledClusters", "fit_kmeans"]

MAX_CLUSTERS = 200
CLUSTER_SIZE = 10  # images on average, where that makes fewer clusters
STARTS = 3  # the best of so many


@dataclass(frozen=True)
class LabelledClusters:
    """Clusters, and how the labels are shared out in each.

    Attributes:
        projection: What brings features to the form that was clustered.
        estimator: A sklearn.cluster.KMeans.
        shares: float32, ``[clusters, K]``; every row sums to 1.
    """

    projection: Projection
    estimator: Any
    shares: Probabilities

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the shares of the labels in the nearest cluster."""
        nearest = self.estimator.predict(self.projection.apply(features))
        return np.asarray(self.shares[nearest])

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the distances to all centres, and the shares of the nearest."""
        centres = self.estimator.cluster_centers_
        point = self.projection.add_to(graph, features)
        products = graph.node("MatMul", point, graph.constant(-2 * centres.T))
        distances = graph.node("Add", products, graph.constant(np.square(centres).sum(axis=1)))
        nearest = graph.node("ArgMin", distances, axis=1, keepdims=0)
        return graph.node("Gather", graph.constant(self.shares), nearest)


@register_classical("kmeans", settings={"max_clusters": MAX_CLUSTERS, "components": COMPONENTS})
def fit_kmeans(rows: TrainingRows) -> LabelledClusters:
    """Find up to MAX_CLUSTERS groups, then count the labels in each.

    To the counts of a cluster, one image is added that is shared out like all images
    together: no label is ruled out by a small cluster.
    """
    cluster = import_from_extra("sklearn.cluster", extra="classical", purpose="training kmeans")
    exceptions = import_from_extra("sklearn.exceptions", extra="classical", purpose="training kmeans")
    projection = fit_projection(rows)
    points = projection.apply(rows.features)
    clusters = min(MAX_CLUSTERS, len(points), max(len(rows.counts), len(points) // CLUSTER_SIZE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)  # images alike: clusters stay empty
        estimator = cluster.KMeans(clusters, n_init=STARTS, random_state=rows.seed).fit(points)
    counts = np.tile(rows.counts / len(points), (clusters, 1))
    np.add.at(counts, (estimator.labels_, rows.label_ids), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return LabelledClusters(projection, estimator, shares.astype(np.float32))
