"""XGBoost: trees that each correct what the ones before got wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["BoostedTrees", "fit_xgboost"]

ROUNDS = 100  # in each, one tree for every label
MAX_DEPTH = 4
LEARNING_RATE = 0.15
ROW_SHARE = 0.8  # of the images, for each tree
FEATURE_SHARE = 0.1  # of the features, for each tree: neighbours say nearly the same
BINS = 64  # thresholds tried for a feature
THREADS = 1  # several wait for each other by spinning: with other work on two cores, ten times slower than one

CONVERTER_OPSET = 15  # the newest that onnxmltools writes for XGBoost; its tree node is the same in ours


@dataclass(frozen=True)
class BoostedTrees:
    """Fitted boosted trees.

    Attributes:
        estimator: An xgboost.XGBClassifier.
    """

    estimator: Any

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the softmax (with two labels the logistic function) of the trees' sums."""
        return np.asarray(self.estimator.predict_proba(features), np.float32)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the trees as one node."""
        onnxmltools = import_from_extra("onnxmltools", extra="classical", purpose="exporting xgboost")
        types = import_from_extra(
            "onnxmltools.convert.common.data_types", extra="classical", purpose="exporting xgboost"
        )
        converted = onnxmltools.convert_xgboost(
            self.estimator,
            initial_types=[("features", types.FloatTensorType([None, self.estimator.n_features_in_]))],
            target_opset=CONVERTER_OPSET,
        )
        return graph.trees(converted, features)


@register_classical(
    "xgboost",
    settings={"rounds": ROUNDS, "max_depth": MAX_DEPTH, "learning_rate": LEARNING_RATE},
    packages=("xgboost", "xgboost-cpu"),
)
def fit_xgboost(rows: TrainingRows) -> BoostedTrees:
    """Fit ROUNDS trees for each label, one after the other.

    Source:
        Chen and Guestrin, "XGBoost: A Scalable Tree Boosting System", KDD 2016, arXiv:1603.02754.
    """
    xgboost = import_from_extra("xgboost", extra="classical", purpose="training xgboost")
    estimator = xgboost.XGBClassifier(
        n_estimators=ROUNDS,
        max_depth=MAX_DEPTH,
        learning_rate=LEARNING_RATE,
        subsample=ROW_SHARE,
        colsample_bytree=FEATURE_SHARE,
        max_bin=BINS,
        tree_method="hist",
        random_state=rows.seed,
        n_jobs=THREADS,
    )
    return BoostedTrees(estimator.fit(rows.features, rows.label_ids))
