"""How far the answers of a reduced network may be from the golden ones, which stay those of the original.

The tolerance comes from what was measured when the file was made. It has a bound, or a file that is broken
could pass: it is always less than half as far as a network would be that finds all labels equally likely.
"""

from edgecls.export.precision.reduced_precision import ReducedPrecision
from edgecls.model_card import Golden

__all__ = ["golden_tolerance"]

HEADROOM = 2.0  # times what was measured, for other processors and providers, which round elsewhere

FLOORS = {ReducedPrecision.INT8: 0.02, ReducedPrecision.FLOAT16: 0.005}
CEILINGS = {ReducedPrecision.INT8: 0.25, ReducedPrecision.FLOAT16: 0.05}
UNDECIDED_PART = 0.5  # of the distance to a network that finds all labels equally likely


def golden_tolerance(golden: Golden, difference: float, precision: ReducedPrecision) -> float | None:
    """Return the tolerance of a reduced network, or None if it is too far off.

    Args:
        golden: The golden samples with the answers of the original network.
        difference: Largest difference of any of their probabilities in the reduced network.
        precision: Its precision.
    """
    undecided = max(
        abs(probability - 1 / len(sample.probabilities))
        for sample in golden.samples
        for probability in sample.probabilities
    )
    ceiling = min(CEILINGS[precision], UNDECIDED_PART * undecided)
    tolerance = min(max(HEADROOM * difference, FLOORS[precision]), ceiling)
    # Not even the headroom is left where the measured difference itself comes near the ceiling.
    return tolerance if HEADROOM * difference <= tolerance else None
