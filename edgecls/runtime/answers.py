"""What a network gives for a batch of images, as arrays."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Answers", "Batch", "Familiarities", "ImageAnswer", "Probabilities"]

Batch = npt.NDArray[np.uint8]
"""Images: uint8, ``[N, height, width, channels]``."""

Probabilities = npt.NDArray[np.float32]
"""float32, ``[N, labels]``; every row sums to 1."""

Familiarities = npt.NDArray[np.float32]
"""How much each image is like the training images: float32, ``[N]``."""


class ImageAnswer(NamedTuple):
    """What a run of a network gave for one image of a batch.

    Attributes:
        probabilities: float32, ``[labels]``.
        familiarity: As in `Answers`.
        features: float32, ``[D]``, as in `Answers`.
    """

    probabilities: Probabilities
    familiarity: float | None
    features: npt.NDArray[np.float32] | None


class Answers(NamedTuple):
    """What one run of a network gave for a batch of N images.

    Attributes:
        probabilities: float32, ``[N, labels]``; every row sums to 1.
        familiarity: float32, ``[N]``: larger for images that are more like the training images; None if the network
            does not judge that.
        features: float32, ``[N, D]``: what describes each image, not normalised; None if nobody asked for them.
    """

    probabilities: Probabilities
    familiarity: Familiarities | None = None
    features: npt.NDArray[np.float32] | None = None

    @classmethod
    def of(cls, answer: ImageAnswer) -> Self:
        """Return the answers of a batch of one image."""
        familiarity = None if answer.familiarity is None else np.array([answer.familiarity], np.float32)
        features = None if answer.features is None else answer.features[np.newaxis]
        return cls(answer.probabilities[np.newaxis], familiarity, features)

    def images(self) -> Iterator[ImageAnswer]:
        """Yield what there is for each image."""
        for index, row in enumerate(self.probabilities):
            familiarity = None if self.familiarity is None else float(self.familiarity[index])
            yield ImageAnswer(row, familiarity, None if self.features is None else self.features[index])
