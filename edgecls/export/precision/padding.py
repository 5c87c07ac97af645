"""Zero padding as part of the convolution behind it.

onnxruntime does that itself for float32. In an int8 network the rounding stands between the two, and every
Pad would turn bytes into floats and back.
"""

from collections import Counter
from typing import Any

from edgecls.export.from_keras.initializers import Arrays

__all__ = ["pad_in_convolutions"]

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
