"""Fitted trees of scikit-learn, and how they are written down."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import OPSET, OPSET_ML, Graph
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["SklearnTrees", "fit_decision_tree", "fit_random_forest"]


@dataclass(frozen=True)
class SklearnTrees:
    """A fitted decision tree or random forest.

    Attributes:
        estimator: It; its labels are the numbers from 0.
    """

    estimator: Any

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the share of each label among the training images in the leaf, averaged over the trees."""
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


MIN_LEAF = 10  # images: fewer and the leaf's shares say nothing


@register_classical("decision_tree", settings={"min_samples_leaf": MIN_LEAF})
def fit_decision_tree(rows: TrainingRows) -> SklearnTrees:
    """Fit one tree that asks for one feature at a time.

    Source:
        Breiman et al., "Classification and Regression Trees", 1984, as in scikit-learn.
    """
    tree = import_from_extra("sklearn.tree", extra="classical", purpose="training decision_tree")
    estimator = tree.DecisionTreeClassifier(min_samples_leaf=MIN_LEAF, random_state=rows.seed)
    return SklearnTrees(estimator.fit(rows.features, rows.label_ids))


TREES = 200
FOREST_MIN_LEAF = 3  # images: half the file of fully grown trees


@register_classical("random_forest", settings={"trees": TREES, "min_samples_leaf": FOREST_MIN_LEAF})
def fit_random_forest(rows: TrainingRows) -> SklearnTrees:
    """Fit TREES trees and average their answers.

    Source:
        Breiman, "Random Forests", Machine Learning 45, 2001, as in scikit-learn.
    """
    ensemble = import_from_extra("sklearn.ensemble", extra="classical", purpose="training random_forest")
    estimator = ensemble.RandomForestClassifier(
        TREES, min_samples_leaf=FOREST_MIN_LEAF, random_state=rows.seed, n_jobs=rows.threads
    )
    return SklearnTrees(estimator.fit(rows.features, rows.label_ids))
