"""The registry of classical models, which learn from features that somebody thought up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgecls.models.classical.graph import Graph
from edgecls.models.registry import Registry

__all__ = [
    "DEFAULT_SIDE",
    "ClassicalModel",
    "FeatureRows",
    "Fit",
    "FittedClassifier",
    "LabelIds",
    "Probabilities",
    "TrainingRows",
    "classical_names",
    "get_classical",
    "register_classical",
]

DEFAULT_SIDE = 64
"""Height and width of the images, in pixels. Larger ones mostly make training slower."""

FeatureRows = npt.NDArray[np.float32]
"""Features of images: float32, ``[N, F]``."""

LabelIds = npt.NDArray[np.int32]
"""Labels of images: int32, ``[N]``, from 0."""

Probabilities = npt.NDArray[np.float32]
"""float32, ``[N, K]``; every row sums to 1."""


@dataclass(frozen=True)
class TrainingRows:
    """What a classical model is fitted to.

    Attributes:
        features: One row an image.
        label_ids: The label of each row; every label from 0 to the largest occurs.
        seed: Of everything that is random.
        threads: How many threads fitting may use.
        groups: For each row a number, the same for rows that show nearly the same, such as views of one image; None if
            there are none. Only what chooses by cross-validation looks at it.
        views: How many rows each image has.
        balanced: Whether rows of rare labels count more, as far as the model can do that.
    """

    features: FeatureRows
    label_ids: LabelIds
    seed: int
    threads: int
    groups: npt.NDArray[np.int64] | None = None
    views: int = 1
    balanced: bool = False

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """Number of rows of each label."""
        return np.bincount(self.label_ids)


class FittedClassifier(Protocol):
    """A fitted model: it answers, and can write itself down as a part of an ONNX network."""

    def probabilities(self, features: FeatureRows) -> Probabilities:
        """Return the probabilities of the labels, as the library it comes from computes them."""

    def add_to(self, graph: Graph, features: str) -> str:
        """Add the model to a graph whose features are named so, and return the name of its probabilities."""


Fit = Callable[[TrainingRows], FittedClassifier]


@dataclass(frozen=True)
class ClassicalModel:
    """One entry of the registry.

    Attributes:
        name: What users call it.
        fit: Fits it.
        settings: What it is fitted with, for the model card.
        packages: The Python packages that do the work, for the model card.
    """

    name: str
    fit: Fit
    settings: Mapping[str, str | float | bool]
    packages: tuple[str, ...]


_MODELS = Registry[ClassicalModel]("classical model")


def register_classical(
    name: str,
    *,
    settings: Mapping[str, str | float | bool],
    packages: tuple[str, ...] = ("scikit-learn",),
) -> Callable[[Fit], Fit]:
    """Enter the decorated function into the registry.

    Raises:
        ModelConfigError: The name is taken.
    """

    def register(fit: Fit) -> Fit:
        _MODELS.add(name, ClassicalModel(name, fit, settings, packages))
        return fit

    return register


def classical_names() -> list[str]:
    """Return the names of all classical models, sorted."""
    return _MODELS.names()


def get_classical(name: str) -> ClassicalModel:
    """Return a classical model by its name.

    Raises:
        ModelConfigError: There is none of that name; the message lists those there are.
    """
    return _MODELS.get(name)
