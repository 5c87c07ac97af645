"""Search for an int8 network that meets its budget: first all layers, then without those that lose most."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from edgecls.export.precision.budget import AccuracyBudget, Attempt, Candidate
from edgecls.export.precision.float_network import FloatNetwork
from edgecls.export.precision.images import LabelledPixels
from edgecls.export.precision.int8_graph import (
    CalibrationMethod,
    Extremes,
    Ranges,
    int8_onnx,
    observe_extremes,
    ranges_from,
)
from edgecls.export.precision.measurement import answers, divergence, open_network
from edgecls.export.precision.recipe import Int8Recipe
from edgecls.model_card import ModelCard

__all__ = ["find_int8", "rank_layers"]

RUNS = 2000  # total, to bound the time: half a minute for MobileNetV2 at 224 pixels
MOST_IMAGES, FEWEST_IMAGES = 32, 4  # per layer
FLOAT_FRACTION = 0.5  # of the layers may stay in float32; with more, nothing would be gained


def find_int8(
    network: FloatNetwork,
    calibration: LabelledPixels,
    recipe: Int8Recipe,
    budget: AccuracyBudget,
    *,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Attempt]:
    """Try int8 networks until one meets the budget.

    Args:
        network: In float32.
        calibration: Images to choose ranges by.
        recipe: The number formats.
        budget: What the network has to meet.
        on_progress: Called with what is being done.

    Returns:
        All attempts; the last one meets the budget.

    Raises:
        AccuracyBudgetError: No attempt does; the message lists them.
    """
    on_progress("calibrating")
    extremes = observe_extremes(network, calibration.pixels, workers=budget.workers)
    attempts = []
    for method in CalibrationMethod:
        on_progress(f"checking {method}")
        attempts.append(budget.try_out(_candidate(network, extremes, method, recipe)))
    attempts.sort(key=lambda attempt: attempt.rank)
    best = attempts[-1]
    if budget.is_met_by(best):
        return attempts
    method = CalibrationMethod(best.candidate.calibration)
    worst_first = rank_layers(
        network,
        ranges_from(extremes, method),
        recipe,
        calibration.pixels,
        budget.card,
        workers=budget.workers,
        on_progress=lambda done, total: on_progress(f"measuring the loss of each layer {done}/{total}"),
    )
    for count in _growing(int(FLOAT_FRACTION * len(network.layers))):
        on_progress(f"checking with {count} layers in float32")
        attempts.append(budget.try_out(_candidate(network, extremes, method, recipe, tuple(worst_first[:count]))))
        if budget.is_met_by(attempts[-1]):
            return attempts
    raise budget.refusal(attempts)


def rank_layers(
    network: FloatNetwork,
    ranges: Ranges,
    recipe: Int8Recipe,
    pixels: npt.NDArray[np.uint8],
    card: ModelCard,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Return the layers of a network, most sensitive first: each is measured as the only int8 layer.

    Args:
        network: In float32.
        ranges: Of the tensors around its layers.
        recipe: The number formats.
        pixels: Images to compare on, uint8 ``[N, height, width, channels]``; a few of them are used.
        card: Of the model.
        workers: Number of images at once.
        on_progress: Called with the number of layers done and the total.
    """
    count = max(FEWEST_IMAGES, min(MOST_IMAGES, RUNS // len(network.layers)))
    some = pixels[np.random.default_rng(0).permutation(len(pixels))[:count]]
    expected = answers(open_network(network.onnx, card), some, workers=workers)
    losses = {}
    for index, layer in enumerate(network.layers):
        rounded = open_network(int8_onnx(network, [layer], ranges, recipe), card)
        losses[layer] = divergence(answers(rounded, some, workers=workers), expected)
        on_progress(index + 1, len(network.layers))
    return sorted(network.layers, key=lambda layer: -losses[layer])


def _candidate(
    network: FloatNetwork,
    extremes: Extremes,
    method: CalibrationMethod,
    recipe: Int8Recipe,
    float_layers: tuple[str, ...] = (),
) -> Candidate:
    rounded = [layer for layer in network.layers if layer not in float_layers]
    onnx = int8_onnx(network, rounded, ranges_from(extremes, method), recipe)
    return Candidate(onnx, str(method), float_layers, len(network.layers))


def _growing(most: int) -> Iterator[int]:
    """Yield 1, 2, 4 and so on, and finally `most`."""
    count = 1
    while count < most:
        yield count
        count *= 2
    if most:
        yield most
