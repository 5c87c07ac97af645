"""Accuracy, agreement and speed of a reduced network compared with its float32 original."""

from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError
from edgecls.export.parity import Network
from edgecls.in_order import map_in_order
from edgecls.measuring.turns import ratio_of, time_rounds
from edgecls.model_card import ModelCard
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.session import open_session

__all__ = [
    "Measurement",
    "Speed",
    "answers",
    "check_informative",
    "compare_speed",
    "divergence",
    "measure",
    "open_network",
]

DEVIATIONS = 2  # standard deviations that a model has to be above chance
NO_ANSWER = -1  # in place of a label, where probabilities are no numbers
SMALLEST = 1e-9  # probability, so that its logarithm exists

ROUNDS = 15
ROUND_S = 0.05  # approximate run time of each network per round


@dataclass(frozen=True)
class Measurement:
    """A network compared with the one in float32 on the same labelled images.

    Attributes:
        images: Number of images, at least 1.
        right: How many of them it predicts correctly.
        float32_right: How many the float32 network predicts correctly.
        same_label: How many get the same predicted label from both.
        divergence: Kullback-Leibler divergence of its probabilities from those in float32, mean over the images.
    """

    images: int
    right: int
    float32_right: int
    same_label: int
    divergence: float

    @property
    def accuracy(self) -> float:
        """Fraction of the images that it predicts correctly."""
        return self.right / self.images

    @property
    def float32_accuracy(self) -> float:
        """Fraction of the images that the float32 network predicts correctly."""
        return self.float32_right / self.images

    @property
    def drop(self) -> float:
        """Accuracy lost, in percentage points; negative if it gained."""
        return 100 * (self.float32_right - self.right) / self.images

    @property
    def agreement(self) -> float:
        """Fraction of the images for which both predict the same label."""
        return self.same_label / self.images


@dataclass(frozen=True)
class Speed:
    """Images per second on one CPU thread, without decoding.

    Attributes:
        reduced: Of the reduced network in its best round, as other work on the machine can only slow it down.
        float32: Of the float32 network in its best round.
        ratio: Speed of the reduced network relative to float32: median of the ratios within the rounds.
    """

    reduced: float
    float32: float
    ratio: float


def open_network(onnx: bytes, card: ModelCard) -> Network:
    """Open a network on the CPU, with one thread per image.

    Args:
        onnx: The network, with input and output of a model file.
        card: Of the model.

    Raises:
        ModelFileError: onnxruntime cannot load it.
    """
    return open_session(ModelFile(card.name, card, onnx), Provider.CPU, intra_op_threads=1).run


def answers(network: Network, pixels: npt.NDArray[np.uint8], *, workers: int) -> npt.NDArray[np.float32]:
    """Run a network on single images, several at once.

    Args:
        network: As `open_network` gives it, which is safe to call from several threads.
        pixels: uint8, ``[N, height, width, channels]``.
        workers: Number of images at once.

    Returns:
        float32, ``[N, labels]``.
    """
    rows = map_in_order(lambda image: network(image[np.newaxis])[0], pixels, workers=workers)
    return np.stack(list(rows))


def measure(
    found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32], label_ids: npt.NDArray[np.int64]
) -> Measurement:
    """Compare predictions with those in float32.

    Args:
        found: Probabilities, ``[N, labels]``.
        expected: Those of the float32 network.
        label_ids: True labels, ``[N]``.
    """
    float32_predicted = expected.argmax(axis=1)
    predicted = np.where(np.isfinite(found).all(axis=1), found.argmax(axis=1), NO_ANSWER)
    return Measurement(
        images=len(label_ids),
        right=int((predicted == label_ids).sum()),
        float32_right=int((float32_predicted == label_ids).sum()),
        same_label=int((predicted == float32_predicted).sum()),
        divergence=divergence(found, expected),
    )


def divergence(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """Return the Kullback-Leibler divergence of probabilities from the expected ones, mean over the rows.

    It is infinite if any of them is NaN or infinite.
    """
    if not np.isfinite(found).all():
        return float("inf")
    logarithms = np.log(np.maximum(expected, SMALLEST)) - np.log(np.maximum(found, SMALLEST))
    return float((expected * logarithms).sum(axis=1).mean())


def check_informative(purpose: str, expected: npt.NDArray[np.float32], label_ids: npt.NDArray[np.int64]) -> None:
    """Refuse images on which the float32 network itself is no better than chance: nothing could be lost on them.

    Mean recall is compared with chance, so that a network that always predicts the same label does not pass where one
    label has most images.

    Args:
        purpose: What the images are for, as in "to check on".
        expected: Probabilities of the float32 network, ``[N, labels]``.
        label_ids: True labels, ``[N]``.

    Raises:
        DatasetError: It is not clearly better than chance.
    """
    predicted, chance = expected.argmax(axis=1), 1 / expected.shape[1]
    counts = np.bincount(label_ids, minlength=expected.shape[1])
    present = counts > 0
    rights = np.bincount(label_ids[predicted == label_ids], minlength=expected.shape[1])
    recall = float((rights[present] / counts[present]).mean())
    deviation = float(np.sqrt((chance * (1 - chance) / counts[present]).sum()) / present.sum())
    needed = min(1.0, chance + DEVIATIONS * deviation)
    if recall < needed:
        raise DatasetError(
            f"the float32 model finds {recall:.1%} of each label among the {len(label_ids)} images {purpose} "
            f"(chance: {chance:.1%}; needed of so many images: {needed:.1%}), so they cannot show what lower "
            "precision costs; give enough labelled images like those that the model was trained on"
        )


def compare_speed(reduced: Network, float32: Network, pixels: npt.NDArray[np.uint8]) -> Speed:
    """Time two networks in alternating rounds, so that a slow moment of the machine affects both.

    Args:
        reduced: One network.
        float32: The other.
        pixels: Some images, uint8 ``[N, height, width, channels]``.
    """
    images = cycle(pixels[place : place + 1] for place in range(len(pixels)))

    def run(network: Network, count: int) -> None:
        for image in islice(images, count):
            network(image)

    networks = {"reduced": reduced, "float32": float32}
    once = time_rounds({name: partial(run, network, 1) for name, network in networks.items()}, rounds=1)
    count = max(1, round(ROUND_S / max(1e-6, once["float32"][0])))
    times_s = time_rounds({name: partial(run, network, count) for name, network in networks.items()}, rounds=ROUNDS)
    return Speed(
        reduced=count / min(times_s["reduced"]),
        float32=count / min(times_s["float32"]),
        ratio=ratio_of(times_s["float32"], times_s["reduced"]).value,
    )
