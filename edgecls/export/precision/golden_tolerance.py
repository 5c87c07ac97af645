"""How far the answers of a reduced network may be from the golden ones, which stay those of the original.

The tolerance comes from what was measured when the file was made. It has a bound, or a file that is broken
could pass: no tolerance is wider than half the distance of a network that finds all labels equally likely.
"""

from edgecls.export.precision.reduced_precision import ReducedPrecision
from edgecls.model_card import Golden

__all__ = ["golden_tolerance", "largest_golden_difference"]

HEADROOM = 2.0  # times what was measured, for other processors and providers, which round elsewhere

NARROWEST = {ReducedPrecision.INT8: 0.02, ReducedPrecision.FLOAT16: 0.01}
WIDEST = {ReducedPrecision.INT8: 0.25, ReducedPrecision.FLOAT16: 0.1}
UNDECIDED_PART = 0.5  # of the distance to a network that finds all labels equally likely


def largest_golden_difference(golden: Golden, precision: ReducedPrecision) -> float:
    """Return how far the answers may be from the golden ones when the file is made.

    Args:
        golden: The golden samples with the answers of the original network.
        precision: Of the reduced network.
    """
    undecided = max(
        abs(probability - 1 / len(sample.probabilities))
        for sample in golden.samples
        for probability in sample.probabilities
    )
    return min(WIDEST[precision], UNDECIDED_PART * undecided) / HEADROOM


def golden_tolerance(golden: Golden, precision: ReducedPrecision, difference: float) -> float:
    """Return the tolerance for a file.

    Args:
        golden: As for `largest_golden_difference`.
        precision: Of the reduced network.
        difference: Largest difference of any probability of a golden sample that was measured; no larger than allowed.
    """
    narrowest = min(NARROWEST[precision] / HEADROOM, largest_golden_difference(golden, precision))
    return HEADROOM * max(difference, narrowest)
