"""What a network gives for a batch of images."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Answers", "Familiarities"]

Familiarities = npt.NDArray[np.float32]
"""How much each image is like the training images: float32, ``[N]``."""


class Answers(NamedTuple):
    """What a network gives for a batch of images, from one run.

    Attributes:
        probabilities: float32, ``[N, labels]``; every row sums to 1.
        familiarity: One for each image; None if the network does not judge it.
    """

    probabilities: npt.NDArray[np.float32]
    familiarity: Familiarities | None
