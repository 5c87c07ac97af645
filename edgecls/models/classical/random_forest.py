"""A random forest: many trees, each grown on other pictures and other features."""

from edgecls.extras import import_from_extra
from edgecls.models.classical.registry import TrainingRows, register_classical
from edgecls.models.classical.trees import SklearnTrees

__all__ = ["fit_random_forest"]

TREES = 200
MIN_LEAF = 3  # pictures: half the file of fully grown trees


@register_classical("random_forest", settings={"trees": TREES, "min_samples_leaf": MIN_LEAF})
def fit_random_forest(rows: TrainingRows) -> SklearnTrees:
    """Fit TREES trees and average their answers.

    Source:
        Breiman, "Random Forests", Machine Learning 45, 2001, as in scikit-learn.
    """
    ensemble = import_from_extra("sklearn.ensemble", extra="classical", purpose="training random_forest")
    estimator = ensemble.RandomForestClassifier(
        TREES, min_samples_leaf=MIN_LEAF, random_state=rows.seed, n_jobs=rows.threads
    )
    return SklearnTrees(estimator.fit(rows.features, rows.label_ids))
