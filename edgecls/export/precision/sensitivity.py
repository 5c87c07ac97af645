"""Which layers lose most by rounding: each is rounded alone, and the answers are compared."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgecls.export.precision.activation_ranges import Ranges
from edgecls.export.precision.float_network import FloatNetwork
from edgecls.export.precision.int8_graph import int8_onnx
from edgecls.export.precision.measurement import answers, divergence, open_network
from edgecls.export.precision.recipe import Int8Recipe
from edgecls.model_card import ModelCard

__all__ = ["rank_layers"]

RUNS = 2000  # of the network in all, so that the time has a bound: half a minute for MobileNetV2 at 224 pixels
MOST_PICTURES, FEWEST_PICTURES = 32, 4  # for each layer


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
    """Return the layers of a network, those first that lose most when they alone are int8.

    Args:
        network: In float32.
        ranges: Of the tensors around its layers.
        recipe: The number formats.
        pixels: Pictures to compare on, uint8 ``[N, height, width, channels]``; a few are taken.
        card: Of the model.
        workers: Number of pictures at once.
        on_progress: Called with the number of layers done and the number of all.
    """
    count = max(FEWEST_PICTURES, min(MOST_PICTURES, RUNS // len(network.layers)))
    some = pixels[np.random.default_rng(0).permutation(len(pixels))[:count]]
    expected = answers(open_network(network.onnx, card), some, workers=workers)
    losses = {}
    for index, layer in enumerate(network.layers):
        rounded = open_network(int8_onnx(network, [layer], ranges, recipe), card)
        losses[layer] = divergence(answers(rounded, some, workers=workers), expected)
        on_progress(index + 1, len(network.layers))
    return sorted(network.layers, key=lambda layer: -losses[layer])
