"""A support vector machine: the images along the border between labels, and how much each counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgecls.errors import TrainingError
from edgecls.extras import import_from_extra
from edgecls.models.classical.graph import DOUBLE, FLOAT, Graph
from edgecls.models.classical.projection import COMPONENTS, Projection, fit_projection
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows, register_classical

__all__ = ["SupportVectors", "fit_svm"]

PENALTY = 3.0  # of images on the wrong side
CALIBRATION_FOLDS = 5


@dataclass(frozen=True)
class SupportVectors:
    """One machine for each label against all others (with two labels, one), calibrated.

    Attributes:
        projection: What brings features to the form that is compared.
        estimator: A sklearn.calibration.CalibratedClassifierCV of one-against-rest SVCs.
        points: float32, ``[M, P]``: the images it was fitted to.
    """

    projection: Projection
    estimator: Any
    points: FeatureRows

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the softmax of the machines' values, divided by the temperature."""
        return np.asarray(self.estimator.predict_proba(self.projection.apply(features)), np.float32)

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the similarities to all support vectors, their weighted sums and the softmax."""
        (calibrated,) = self.estimator.calibrated_classifiers_
        machines = calibrated.estimator.estimators_
        (temperature_scaling,) = calibrated.calibrators
        coefficients = np.zeros((len(self.points), len(machines)))
        for column, machine in enumerate(machines):
            coefficients[machine.support_, column] = machine.dual_coef_[0]
        biases = np.array([machine.intercept_[0] for machine in machines])
        if len(machines) == 1:
            coefficients, biases = coefficients * [-1, 1], biases * [-1, 1]
        used = np.flatnonzero(coefficients.any(axis=1))
        scale = float(temperature_scaling.beta_)

        # In double precision: thousands of weights, half of them negative, nearly cancel in float32.
        point = graph.node("Cast", self.projection.add_to(graph, features), to=DOUBLE)
        vectors = graph.node("Cast", graph.constant(self.points[used]), to=DOUBLE)
        distances = graph.squared_distances(point, vectors)
        exponents = graph.node("Mul", distances, graph.constant(-machines[0].gamma, np.float64))
        similarities = graph.node("Exp", exponents)
        weighted = graph.node("MatMul", similarities, graph.constant(coefficients[used] * scale, np.float64))
        logits = graph.node("Add", weighted, graph.constant(biases * scale, np.float64))
        return graph.node("Softmax", graph.node("Cast", logits, to=FLOAT), axis=1)


@register_classical("svm", settings={"kernel": "rbf", "penalty": PENALTY, "components": COMPONENTS})
def fit_svm(rows: TrainingRows) -> SupportVectors:
    """Fit machines with a Gaussian kernel, and a temperature by cross-validation.

    Source:
        Cortes and Vapnik, "Support-Vector Networks", Machine Learning 20, 1995, as in libsvm; the
        kernel's width by scikit-learn's rule "scale".

    Raises:
        TrainingError: A label has a single image to train on.
    """
    svm = import_from_extra("sklearn.svm", extra="classical", purpose="training svm")
    multiclass = import_from_extra("sklearn.multiclass", extra="classical", purpose="training svm")
    calibration = import_from_extra("sklearn.calibration", extra="classical", purpose="training svm")
    selection = import_from_extra("sklearn.model_selection", extra="classical", purpose="training svm")
    fewest = int(rows.counts.min())
    if fewest < 2:
        raise TrainingError(
            f"svm is calibrated by cross-validation, which takes 2 training images of each label; "
            f"label number {int(rows.counts.argmin())} has {fewest}; add images or use another architecture"
        )
    projection = fit_projection(rows)
    points = projection.apply(rows.features)
    variance = float(points.var())
    machine = svm.SVC(C=PENALTY, kernel="rbf", gamma=1 / (points.shape[1] * variance) if variance > 0 else 1.0)
    estimator = calibration.CalibratedClassifierCV(
        multiclass.OneVsRestClassifier(machine),
        method="temperature",
        ensemble=False,
        cv=selection.StratifiedKFold(min(CALIBRATION_FOLDS, fewest), shuffle=True, random_state=rows.seed),
    )
    return SupportVectors(projection, estimator.fit(points, rows.label_ids), points)
