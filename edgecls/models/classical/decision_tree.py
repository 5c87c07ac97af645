"""A decision tree: the simplest thing that can be read like a list of questions."""

from edgecls.extras import import_from_extra
from edgecls.models.classical.registry import TrainingRows, register_classical
from edgecls.models.classical.trees import SklearnTrees

__all__ = ["fit_decision_tree"]

MIN_LEAF = 10  # pictures: fewer and the leaf's shares say nothing


@register_classical("decision_tree", settings={"min_samples_leaf": MIN_LEAF})
def fit_decision_tree(rows: TrainingRows) -> SklearnTrees:
    """Fit one tree that asks for one feature at a time.

    Source:
        Breiman et al., "Classification and Regression Trees", 1984, as in scikit-learn.
    """
    tree = import_from_extra("sklearn.tree", extra="classical", purpose="training decision_tree")
    estimator = tree.DecisionTreeClassifier(min_samples_leaf=MIN_LEAF, random_state=rows.seed)
    return SklearnTrees(estimator.fit(rows.features, rows.label_ids))
