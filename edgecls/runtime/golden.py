"""Golden samples: does this network, on this machine, give the answers it gave when it was made?"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import ImageError, ModelFileError
from edgecls.model_card import GoldenSample, ModelCard
from edgecls.runtime.answers import Answers, Batch, Probabilities

__all__ = ["TOGETHER", "GoldenResult", "check_golden", "golden_batch"]

TOGETHER = 2
"""Samples in a batch: enough to see if they mix. onnxruntime keeps the memory of the largest batch that it ever ran."""


@dataclass(frozen=True)
class GoldenResult:
    """How the probabilities of one golden sample came out, or its familiarity.

    Attributes:
        sample: Name of the sample.
        batch_size: Number of images that ran together.
        difference: Largest difference of any probability from the stored one, or the difference of the familiarity.
        tolerance: Largest difference that passes.
        label: The label with the largest difference; None where it is about the familiarity.
        expected: Its stored probability, or the stored familiarity.
        found: The same, here.
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

    @property
    def severity(self) -> float:
        """The difference in tolerances: above 1 where it does not pass; infinite for NaN."""
        return math.inf if math.isnan(self.difference) else self.difference / self.tolerance

    def __str__(self) -> str:
        what = "familiarity" if self.label is None else f"probability of {self.label!r}"
        return (
            f"golden sample {self.sample!r} in a batch of {self.batch_size}: {what} is "
            f"{self.found:.6g}, was {self.expected:.6g} when the model was made "
            f"(difference {self.difference:.2g}, tolerance {self.tolerance:.2g})"
        )


def check_golden(
    card: ModelCard,
    run: Callable[[Batch], Probabilities | Answers],
    *,
    batch_sizes: Iterable[int] = (),
) -> list[GoldenResult]:
    """Run every golden sample alone, then with another in a batch, and in batches of other sizes.

    Args:
        card: The model's card.
        run: Gives what the network gives for uint8 images ``[N, height, width, channels]``; or just probabilities,
            where the familiarity is not to be checked.
        batch_sizes: Further sizes of batches, which hold the samples one after the other, again and again.

    Returns:
        A result for each sample alone, then one for each image of each batch, smaller batches first. Of an odd number
        of samples, the last but one is in two batches of two. Where the familiarity is checked, there are as many
        results for that, after the others.

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
    answers = [one if isinstance(one, Answers) else Answers(one) for one in found]
    tried = [(card.golden.samples[index], len(batch)) for batch in batches for index in batch]
    results = [
        _probabilities_result(card, sample, size, row)
        for (sample, size), row in zip(tried, np.concatenate([one.probabilities for one in answers]), strict=True)
    ]
    tolerance = card.golden.familiarity_tolerance
    familiarity = [one.familiarity for one in answers if one.familiarity is not None]
    if tolerance is None or not familiarity:
        return results
    return results + [
        _familiarity_result(sample, size, float(value), tolerance)
        for (sample, size), value in zip(tried, np.concatenate(familiarity), strict=True)
    ]


def _probabilities_result(
    card: ModelCard, sample: GoldenSample, batch_size: int, row: npt.NDArray[np.float32]
) -> GoldenResult:
    differences = np.abs(row.astype(np.float64) - sample.probabilities)
    worst = int(np.argmax(differences))  # the first NaN, if there is one
    return GoldenResult(
        sample=sample.name,
        batch_size=batch_size,
        difference=float(differences[worst]),
        tolerance=card.golden.tolerance,
        label=card.labels[worst],
        expected=sample.probabilities[worst],
        found=float(row[worst]),
    )


def _familiarity_result(sample: GoldenSample, batch_size: int, found: float, tolerance: float) -> GoldenResult:
    expected = math.nan if sample.familiarity is None else sample.familiarity
    return GoldenResult(sample.name, batch_size, abs(found - expected), tolerance, None, expected, found)


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
