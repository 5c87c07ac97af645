"""Zero padding before max pooling, kept safe from onnxruntime.

onnxruntime moves a Pad of zeros into the MaxPool that follows (its optimisation Pad_Fusion). But
MaxPool ignores what it pads, so that negative values at the border win where the zeros did. ResNet50V2
has such a place; the answers were seen to differ by 0.13. The fusion asks for a padding value
all of whose bytes are zero. Minus zero has another byte, and is the same to MaxPool.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecls.export.from_keras.initializers import Arrays

__all__ = ["keep_zero_padding"]

MINUS_ZERO = "zero_padding_kept"


def keep_zero_padding(graph: Any, arrays: Arrays) -> None:
    """Make every Pad of float32 zeros before a MaxPool a Pad of minus zeros.

    Args:
        graph: An onnx.GraphProto of an opset from 11; changed in place.
        arrays: Its constants; the minus zero is added to them.
    """
    zeros = {
        name for name, array in arrays.items() if array.dtype == np.float32 and array.size == 1 and not array.any()
    }
    for node in graph.node:
        if node.op_type == "Pad" and _pads_zeros(node, zeros) and "MaxPool" in _followers(graph, node.output[0]):
            inputs = [*node.input, ""][:3]  # a fourth one, the axes, keeps the fusion away by itself
            inputs[2] = MINUS_ZERO
            node.input[:3] = inputs
            arrays[MINUS_ZERO] = np.array(-0.0, np.float32)


def _pads_zeros(node: Any, zeros: set[str]) -> bool:
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    return modes in ([], [b"constant"]) and (len(node.input) < 3 or node.input[2] in zeros | {""})


def _followers(graph: Any, name: str) -> Iterator[str]:
    """Yield the kinds of nodes that take a tensor, also those behind a Transpose, which onnxruntime moves."""
    for node in graph.node:
        if name in node.input:
            yield node.op_type
            if node.op_type == "Transpose":
                yield from _followers(graph, node.output[0])
