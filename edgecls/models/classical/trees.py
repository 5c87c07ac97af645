"""Fitted trees of scikit-learn, and how they are written down."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import OPSET, OPSET_ML, Graph
from edgecls.models.classical.registry import FeatureRows, Probabilities

__all__ = ["SklearnTrees"]


@dataclass(frozen=True)
class SklearnTrees:
    """A fitted decision tree or random forest.

    Attributes:
        estimator: It; its labels are the numbers from 0.
    """

    estimator: Any

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the share of each label among the training pictures in the leaf, averaged over the trees."""
        return np.asarray(self.estimator.predict_proba(features), np.float32)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the trees as one node; skl2onnx rounds their thresholds to float32 so that nothing changes sides."""
        skl2onnx = import_from_extra("skl2onnx", extra="classical", purpose="exporting trees")
        types = import_from_extra("skl2onnx.common.data_types", extra="classical", purpose="exporting trees")
        converted = skl2onnx.convert_sklearn(
            self.estimator,
            initial_types=[("features", types.FloatTensorType([None, self.estimator.n_features_in_]))],
            options={id(self.estimator): {"zipmap": False}},
            target_opset={"": OPSET, "ai.onnx.ml": OPSET_ML},
        )
        return graph.trees(converted, features)
