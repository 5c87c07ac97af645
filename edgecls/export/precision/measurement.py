"""What fewer bits cost: the answers of two networks for the same labelled images, side by side."""

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


@dataclass(frozen=True)
class Measurement:
    """A network beside the one in float32.

    Attributes:
        images: Number of images, at least 1.
        right: How many of them it gets right.
        float32_right: How many the float32 network gets right.
        same_label: How many get the same label from both.
        divergence: Kullback-Leibler divergence of its probabilities from those in float32, mean over the images.
    """

    images: int
    right: int
    float32_right: int
    same_label: int
    divergence: float

    @property
    def accuracy(self) -> float:
        """Part of the images that it gets right."""
        return self.right / self.images

    @property
    def float32_accuracy(self) -> float:
        """Part of the images that the float32 network gets right."""
        return self.float32_right / self.images

    @property
    def drop(self) -> float:
        """Accuracy lost, in percentage points; below 0 if it gained some."""
        return 100 * (self.float32_right - self.right) / self.images

    @property
    def agreement(self) -> float:
        """Part of the images that get the same label from both."""
        return self.same_label / self.images


def open_network(onnx: bytes, card: ModelCard) -> Network:
    """Open a network on the CPU, with one thread for each image.

    Args:
        onnx: The network, with input and output of a model file.
        card: Of the model that it belongs to.

    Raises:
        ModelFileError: onnxruntime cannot load it.
    """
    return open_session(ModelFile(card.name, card, onnx), Provider.CPU, intra_op_threads=1).run


def answers(network: Network, pixels: npt.NDArray[np.uint8], *, workers: int) -> npt.NDArray[np.float32]:
    """Run a network over images, one by one, several at once.

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
    """Compare answers with those in float32.

    Args:
        found: Probabilities, ``[N, labels]``.
        expected: Those of the float32 network, likewise.
        label_ids: What the images show, ``[N]``.
    """
    float32_said = expected.argmax(axis=1)
    said = np.where(np.isfinite(found).all(axis=1), found.argmax(axis=1), NO_ANSWER)
    return Measurement(
        images=len(label_ids),
        right=int((said == label_ids).sum()),
        float32_right=int((float32_said == label_ids).sum()),
        same_label=int((said == float32_said).sum()),
        divergence=divergence(found, expected),
    )


def divergence(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> float:
    """Return the Kullback-Leibler divergence of probabilities from the expected ones, mean over the rows.

    It is infinite if any is not a number.
    """
    if not np.isfinite(found).all():
        return float("inf")
    logarithms = np.log(np.maximum(expected, SMALLEST)) - np.log(np.maximum(found, SMALLEST))
    return float((expected * logarithms).sum(axis=1).mean())


def check_informative(purpose: str, expected: npt.NDArray[np.float32], label_ids: npt.NDArray[np.int64]) -> None:
    """Refuse images that the float32 network itself can only guess at: on them nothing could be lost.

    Mean recall is compared with chance, so that a network that gives one answer to all does not pass
    where one label has most images.

    Args:
        purpose: What the images are for, as in "to check on".
        expected: The answers of the float32 network, ``[N, labels]``.
        label_ids: What the images show, ``[N]``.

    Raises:
        DatasetError: It is not clearly better than chance.
    """
    said, chance = expected.argmax(axis=1), 1 / expected.shape[1]
    counts = np.bincount(label_ids, minlength=expected.shape[1])
    shown = counts > 0
    rights = np.bincount(label_ids[said == label_ids], minlength=expected.shape[1])
    recall = float((rights[shown] / counts[shown]).mean())
    deviation = float(np.sqrt((chance * (1 - chance) / counts[shown]).sum()) / shown.sum())
    needed = min(1.0, chance + DEVIATIONS * deviation)
    if recall < needed:
        raise DatasetError(
            f"the float32 model finds {recall:.1%} of each label among the {len(label_ids)} images {purpose} "
            f"(chance: {chance:.1%}; needed of so many images: {needed:.1%}), so they cannot show what fewer bits "
            "cost; give labelled images of the kind that the model was trained on, and enough of them"
        )


ROUNDS = 15
ROUND_S = 0.05  # that each network runs in a round, about


@dataclass(frozen=True)
class Speed:
    """Images a second on the CPU, one after the other on one thread, decoding left out.

    Attributes:
        reduced: Of the reduced network in its best round, as other work on the machine only ever slows down.
        float32: Of the float32 network, likewise.
        ratio: How many times as fast the reduced network is, median of the ratios within the rounds.
    """

    reduced: float
    float32: float
    ratio: float


def compare_speed(reduced: Network, float32: Network, pixels: npt.NDArray[np.uint8]) -> Speed:
    """Let two networks take turns, so that a slow moment of the machine hits both.

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
