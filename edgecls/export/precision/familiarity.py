"""Keeping what a familiarity means when a network computes with fewer bits."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgecls.errors import AccuracyBudgetError
from edgecls.export.familiarity.add import golden_tolerance
from edgecls.export.familiarity.graph import with_shifted_familiarity
from edgecls.export.precision.recipe import ReducedPrecision
from edgecls.in_order import map_in_order
from edgecls.model_card import Golden, ModelCard
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import golden_batch
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.session import open_session

__all__ = ["KeptFamiliarity", "keep_familiarity"]

HEADROOM = 2.0  # times what was measured on the golden samples: other processors and providers round differently
WIDEST = {ReducedPrecision.INT8: 0.2, ReducedPrecision.FLOAT16: 0.05}
"""Tolerances of golden samples."""

NEAR = 0.5  # of the images, the least familiar ones: those that a shift near the threshold is measured on


@dataclass(frozen=True)
class KeptFamiliarity:
    """A network of reduced precision whose familiarity compares with the same threshold.

    Attributes:
        onnx: The network.
        golden: The golden samples, with a tolerance for its familiarity.
        shift: What was added to its familiarity, so that on average it is that of the float32 network.
        same_decision: Fraction of the images that are known to both networks or unknown to both.
    """

    onnx: bytes
    golden: Golden
    shift: float
    same_decision: float


def keep_familiarity(
    onnx: bytes, float32: bytes, card: ModelCard, pixels: npt.NDArray[np.uint8], precision: ReducedPrecision
) -> KeptFamiliarity | None:
    """Return a reduced network whose familiarity is shifted so that the threshold keeps its meaning.

    Features are coarser in int8 and a little less like the prototypes, which are from the float32 network. So the
    difference is measured on images, the less familiar half of them, and added in the graph.

    Args:
        onnx: The reduced network.
        float32: The network that it was made from.
        card: Of the float32 model.
        pixels: Images to measure on, uint8 ``[N, height, width, channels]``.
        precision: Of the reduced network.

    Returns:
        None if the model has no familiarity.

    Raises:
        AccuracyBudgetError: The golden samples are too far off to be told from a network that is broken.
    """
    if card.familiarity is None:
        return None
    expected, found = _scores(float32, card, pixels), _scores(onnx, card, pixels)
    near = expected <= np.quantile(expected, NEAR)
    shift = float(np.median((expected - found)[near]))
    shifted = with_shifted_familiarity(onnx, shift)
    threshold = card.familiarity.threshold
    same = ((found + shift >= threshold) == (expected >= threshold)).mean()
    stored = np.array([sample.familiarity for sample in card.golden.samples], np.float64)
    difference = float(np.abs(_scores(shifted, card, golden_batch(card)) - stored).max())
    limit = WIDEST[precision] / HEADROOM
    if not difference <= limit:
        raise AccuracyBudgetError(
            f"model {card.name!r} in {precision} judges familiarity {difference:.2g} off on golden samples, and "
            f"{limit:.2g} is allowed, so no file was written; calibrate with more, and more typical, images, or "
            "reduce a model file without familiarity"
        )
    tolerance = max(golden_tolerance(precision.value), HEADROOM * difference)
    return KeptFamiliarity(shifted, replace(card.golden, familiarity_tolerance=tolerance), shift, float(same))


def _scores(onnx: bytes, card: ModelCard, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the familiarity of images, one by one, several at once: ``[N]``."""
    session = open_session(ModelFile(card.name, card, onnx), Provider.CPU, intra_op_threads=1)
    answers = map_in_order(lambda image: session.run_all(image[np.newaxis]), pixels, workers=usable_cores())
    return np.array([np.nan if one.familiarity is None else one.familiarity[0] for one in answers], np.float64)
