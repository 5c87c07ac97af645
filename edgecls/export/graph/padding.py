"""Zero padding before max pooling, kept safe from onnxruntime.

onnxruntime moves a Pad of zeros into the MaxPool that follows (its optimisation Pad_Fusion). But
MaxPool ignores what it pads, so that negative values at the border win where the zeros did. ResNet50V2
has such a place; the answers were seen to differ by 0.13. The fusion asks for a padding value
all of whose bytes are zero. Minus zero has another byte, and is the same to MaxPool.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from edgecls.export.graph.initializers import Arrays

__all__ = ["keep_zero_padding", "pad_in_convolutions"]

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


SPATIAL = slice(2, None)  # of the axes of a convolution's input; before them stand batch and channels


def pad_in_convolutions(graph: Any, arrays: Arrays) -> None:
    """Take out every Pad of zeros that only one convolution reads, and let the convolution pad.

    Args:
        graph: An onnx.GraphProto; changed in place.
        arrays: Its constants.
    """
    uses = Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)
    pads = {node.output[0]: node for node in graph.node if node.op_type == "Pad" and uses[node.output[0]] == 1}
    for node in graph.node:
        pad = pads.get(node.input[0]) if node.op_type == "Conv" else None
        amounts = None if pad is None else _spatial_zeros(pad, arrays)
        if pad is None or amounts is None:
            continue
        own = {attribute.name: attribute for attribute in node.attribute}
        if "auto_pad" in own and own["auto_pad"].s not in (b"NOTSET", b"VALID"):
            continue
        before = list(own["pads"].ints) if "pads" in own else [0] * len(amounts)
        for name in {"auto_pad", "pads"} & own.keys():
            node.attribute.remove(own[name])
        total = [one + other for one, other in zip(before, amounts, strict=True)]
        node.attribute.add(name="pads", type=7, ints=total)  # 7: AttributeProto.INTS
        node.input[0] = pad.input[0]
        graph.node.remove(pad)


def _spatial_zeros(pad: Any, arrays: Arrays) -> list[int] | None:
    """Return what a Pad adds before and behind height and width, or None if it does anything else."""
    modes = [attribute.s for attribute in pad.attribute if attribute.name == "mode"]
    has_axes = len(pad.input) > 3 and pad.input[3]
    if modes not in ([], [b"constant"]) or len(pad.input) < 2 or has_axes or pad.input[1] not in arrays:
        return None
    value = pad.input[2] if len(pad.input) > 2 else ""
    if value and (value not in arrays or arrays[value].any()):
        return None
    both = arrays[pad.input[1]].tolist()
    before, behind = both[: len(both) // 2], both[len(both) // 2 :]
    if any((*before[:2], *behind[:2])) or min(both) < 0:
        return None
    return [*before[SPATIAL], *behind[SPATIAL]]
