"""The accuracy budget: how much a reduced network may lose before it is refused."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.errors import AccuracyBudgetError
from edgecls.export.precision.images import LabelledPixels
from edgecls.export.precision.measurement import Measurement, answers, measure, open_network
from edgecls.export.precision.recipe import ReducedPrecision
from edgecls.model_card import Golden, ModelCard
from edgecls.runtime.golden import check_golden

__all__ = ["AccuracyBudget", "Attempt", "Candidate", "golden_tolerance", "largest_golden_difference"]

HEADROOM = 2.0  # times what was measured: other processors and providers round differently

NARROWEST = {ReducedPrecision.INT8: 0.02, ReducedPrecision.FLOAT16: 0.01}
WIDEST = {ReducedPrecision.INT8: 0.25, ReducedPrecision.FLOAT16: 0.1}
UNDECIDED_FRACTION = 0.5  # of the distance to a network for which all labels are equally likely


@dataclass(frozen=True)
class Candidate:
    """A reduced network, not yet measured.

    Attributes:
        onnx: The network.
        calibration: How its ranges were chosen; empty if it has none.
        float_layers: Names of the layers that stay in float32.
        layers: Total number of layers.
    """

    onnx: bytes
    calibration: str
    float_layers: tuple[str, ...]
    layers: int

    def __str__(self) -> str:
        left = f"{len(self.float_layers)} of {self.layers} layers in float32" if self.float_layers else "all layers"
        return ", ".join(filter(None, (self.calibration, left)))


@dataclass(frozen=True)
class Attempt:
    """A candidate and its measurements.

    Attributes:
        candidate: The network.
        measurement: On the images to check on.
        golden_difference: Largest difference of any probability of a golden sample; NaN if one is not finite.
        answers_golden: Whether that difference is small enough.
    """

    candidate: Candidate
    measurement: Measurement
    golden_difference: float
    answers_golden: bool

    @property
    def rank(self) -> tuple[bool, int, int, float]:
        """Sort key for attempts; the largest is the best."""
        found = self.measurement
        return self.answers_golden, found.right, found.same_label, -found.divergence

    def __str__(self) -> str:
        found = self.measurement
        return (
            f"{self.candidate}: accuracy {found.accuracy:.4f}, drop {found.drop:.2f} points, "
            f"golden samples off by {self.golden_difference:.2g}"
        )


@dataclass(frozen=True)
class AccuracyBudget:
    """How much accuracy a reduced network may lose, and on which images.

    Attributes:
        card: Of the float32 model.
        precision: What it is reduced to.
        max_drop: Accuracy that may be lost, in percentage points.
        check: The images to measure on.
        expected: Probabilities of the float32 network for them, ``[N, labels]``.
        workers: Number of images at once.
    """

    card: ModelCard
    precision: ReducedPrecision
    max_drop: float
    check: LabelledPixels
    expected: npt.NDArray[np.float32]
    workers: int

    def try_out(self, candidate: Candidate) -> Attempt:
        """Measure a candidate."""
        network = open_network(candidate.onnx, self.card)
        found = answers(network, self.check.pixels, workers=self.workers)
        results = check_golden(self.card, network)
        worst = float(np.max([result.difference for result in results]))  # NaN if any is
        measured = measure(found, self.expected, self.check.label_ids)
        return Attempt(candidate, measured, worst, answers_golden=worst <= self._golden_limit)

    def is_met_by(self, attempt: Attempt) -> bool:
        """True if an attempt loses no more accuracy than allowed and matches the golden samples closely enough."""
        return attempt.answers_golden and attempt.measurement.drop <= self.max_drop

    def refusal(self, attempts: list[Attempt]) -> AccuracyBudgetError:
        """Return the error for when no attempt meets the budget."""
        tried = "".join(f"\n  {attempt}" for attempt in attempts)
        float32 = attempts[0].measurement.float32_accuracy
        return AccuracyBudgetError(
            f"model {self.card.name!r} in {self.precision} misses its budget, so no file was written: it may lose "
            f"{self.max_drop:g} points on {len(self.check.label_ids)} images (accuracy in float32: {float32:.4f}), "
            f"and be {self._golden_limit:.2g} off on golden samples. Tried:{tried}\n"
            "Allow more with --max-drop, or calibrate with more, and more typical, images; replace golden samples that "
            "the model is unsure of with edgecls export --samples"
        )

    @property
    def _golden_limit(self) -> float:
        return largest_golden_difference(self.card.golden, self.precision)


def largest_golden_difference(golden: Golden, precision: ReducedPrecision) -> float:
    """Return how far probabilities may be from the golden ones when the file is made.

    Args:
        golden: The golden samples with the probabilities of the original network.
        precision: Of the reduced network.
    """
    undecided = max(
        abs(probability - 1 / len(sample.probabilities))
        for sample in golden.samples
        for probability in sample.probabilities
    )
    return min(WIDEST[precision], UNDECIDED_FRACTION * undecided) / HEADROOM


def golden_tolerance(golden: Golden, precision: ReducedPrecision, difference: float) -> float:
    """Return the tolerance of the golden samples for a file.

    Args:
        golden: As for `largest_golden_difference`.
        precision: Of the reduced network.
        difference: Largest measured difference of any probability of a golden sample; no larger than allowed.
    """
    narrowest = min(NARROWEST[precision] / HEADROOM, largest_golden_difference(golden, precision))
    return HEADROOM * max(difference, narrowest)
