"""Golden samples: does this network, on this machine, give the answers it gave when it was made?"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import ImageError, ModelFileError
from edgecls.model_card import GoldenSample, ModelCard
from edgecls.runtime.answers import Answers

__all__ = ["TOGETHER", "GoldenResult", "check_answers", "check_golden", "golden_batch", "worst_of"]

TOGETHER = 2
"""Samples in a batch: enough to see if they mix. onnxruntime keeps the memory of the largest batch that it ever ran."""


@dataclass(frozen=True)
class GoldenResult:
    """How one golden sample came out: its probabilities, or its familiarity.

    Attributes:
        sample: Name of the sample.
        batch_size: Number of images that ran together.
        difference: Largest difference of any probability from the stored one, or that of the familiarity.
        tolerance: Largest difference that passes.
        label: The label with the largest difference; None where this is about the familiarity.
        expected: Its stored probability, or the stored familiarity.
        found: What it is here.
    """

    sample: str
    batch_size: int
    difference: float
    tolerance: float
    label: str | None
    expected: float
    found: float

    @property
    def passed(self) -> bool:
        """True if the difference is within the tolerance; NaN never passes."""
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        what = "familiarity" if self.label is None else f"probability of {self.label!r}"
        return (
            f"golden sample {self.sample!r} in a batch of {self.batch_size}: {what} is "
            f"{self.found:.6g}, was {self.expected:.6g} when the model was made "
            f"(difference {self.difference:.2g}, tolerance {self.tolerance:.2g})"
        )


def check_golden(
    card: ModelCard,
    run: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    *,
    batch_sizes: Iterable[int] = (),
) -> list[GoldenResult]:
    """Run every golden sample as `check_answers` does, in a network that gives probabilities only.

    Args:
        card: The model's card.
        run: Gives float32 probabilities ``[N, labels]`` for uint8 images ``[N, height, width, channels]``.
        batch_sizes: As for `check_answers`.

    Raises:
        ModelFileError: As `check_answers`.
    """
    return check_answers(card, lambda batch: Answers(run(batch), None), batch_sizes=batch_sizes)


def check_answers(
    card: ModelCard, run: Callable[[npt.NDArray[np.uint8]], Answers], *, batch_sizes: Iterable[int] = ()
) -> list[GoldenResult]:
    """Run every golden sample alone, then with another in a batch, and in batches of other sizes.

    Args:
        card: The model's card.
        run: Gives the answers for uint8 images ``[N, height, width, channels]``. Without a familiarity, that of the
            golden samples is not compared.
        batch_sizes: Further sizes of batches, which hold the samples one after the other, again and again.

    Returns:
        A result for each sample alone, then one for each image of each batch, smaller batches first; those about
        familiarity follow in the same order. Of an odd number of samples, the last but one is in two batches of two.

    Raises:
        ModelFileError: A golden sample is not an image of the model's size.
    """
    images = golden_batch(card)
    count = len(images)
    batches = [np.array([index]) for index in range(count)]
    if count > 1:
        starts = (min(start, count - TOGETHER) for start in range(0, count, TOGETHER))
        batches += [np.arange(start, start + TOGETHER) for start in starts]
    batches += [np.arange(size) % count for size in sorted({*batch_sizes} - {1, TOGETHER})]
    found = [run(images[batch]) for batch in batches]
    sizes = [len(batch) for batch in batches for _ in batch]
    samples = [card.golden.samples[index] for batch in batches for index in batch]
    rows = np.concatenate([answers.probabilities for answers in found])
    results = [_probabilities(card, *each) for each in zip(samples, sizes, rows, strict=True)]
    tolerance = card.golden.familiarity_tolerance
    scores = [answers.familiarity for answers in found if answers.familiarity is not None]
    if tolerance is not None and scores:
        familiarity = np.concatenate(scores)
        results += [_familiarity(tolerance, *each) for each in zip(samples, sizes, familiarity, strict=True)]
    return results


def worst_of(results: Iterable[GoldenResult]) -> GoldenResult:
    """Return the result that is furthest off, measured by its tolerance: NaN if there is one."""
    return max(results, key=lambda result: (math.isnan(result.difference), result.difference / result.tolerance))


def _probabilities(card: ModelCard, sample: GoldenSample, size: int, row: npt.NDArray[np.float32]) -> GoldenResult:
    differences = np.abs(row.astype(np.float64) - sample.probabilities)
    worst = int(np.argmax(differences))  # the first NaN, if there is one
    return GoldenResult(
        sample=sample.name,
        batch_size=size,
        difference=float(differences[worst]),
        tolerance=card.golden.tolerance,
        label=card.labels[worst],
        expected=sample.probabilities[worst],
        found=float(row[worst]),
    )


def _familiarity(tolerance: float, sample: GoldenSample, size: int, found: np.float32) -> GoldenResult:
    expected = float("nan") if sample.familiarity is None else sample.familiarity
    return GoldenResult(sample.name, size, abs(float(found) - expected), tolerance, None, expected, float(found))


def golden_batch(card: ModelCard) -> npt.NDArray[np.uint8]:
    """Decode the golden samples of a model: uint8 ``[N, height, width, channels]``, in their order.

    Raises:
        ModelFileError: One is damaged, or not of the model's size.
    """
    images = []
    for sample in card.golden.samples:
        try:
            pixels = image.decode(sample.png, name=sample.name, color=card.image.color)
        except ImageError as error:
            raise ModelFileError(f"golden sample of model {card.name!r} is damaged: {error}") from error
        if pixels.shape != card.image.shape_hwc:
            raise ModelFileError(
                f"golden sample {sample.name!r} of model {card.name!r} is {pixels.shape}, "
                f"the model takes {card.image.shape_hwc}; export it again"
            )
        images.append(pixels)
    return np.stack(images)
