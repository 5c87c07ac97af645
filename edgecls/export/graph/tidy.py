"""Passes that simplify an ONNX graph: constants are folded, batch normalisation and padding move into convolutions.

They change a graph and its constants in place. Its answers stay the same, except for the last digits where batch
normalisation is multiplied into the kernel before it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.constants import Arrays
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import all_graphs, count_uses, drop_unneeded

__all__ = ["Shapes", "keep_zero_padding", "pad_in_convolutions", "tidy"]

Shapes = dict[str, list[int]]
"""Shapes of inner tensors by name, -1 for a dynamic dimension; an unknown shape is empty."""

Change = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Scale and offset per channel."""

MAX_GROWTH = 2  # a constant that grows more by folding is cheaper to compute than to ship
INTS = 7  # of AttributeProto.AttributeType
MINUS_ZERO = "zero_padding_kept"
SPATIAL = slice(2, None)  # of the axes of a convolution's input; before them stand batch and channels

_FOLDABLE = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Mul", "Add", "Sub", "Div", "Sqrt", "Reciprocal", "Cast"}
_IMAGE_RANK = 4


def tidy(model: Any, arrays: Arrays, shapes: Shapes) -> None:
    """Fold constants, move scales and offsets into the convolutions before them, remove what has no effect.

    Args:
        model: An onnx.ModelProto whose constants are in `arrays` instead.
        arrays: All its constants; folded ones are added.
        shapes: Known shapes of its tensors.
    """
    graph = model.graph
    _settle_output_padding(graph)
    _settle_reshapes(graph, arrays, shapes)
    _drop_identities(graph)
    drop_unneeded(graph, arrays)
    _fold_constants(model, arrays)
    _fold_into_convolutions(graph, arrays)
    drop_unneeded(graph, arrays)


def _settle_output_padding(graph: Any) -> None:
    """Write negative padding of a transposed convolution, which onnxruntime refuses, as output padding.

    tf2onnx writes it where a stride is larger than the kernel, or where Keras has output padding.
    """
    for node in [node for node in graph.node if node.op_type == "ConvTranspose"]:
        own = {attribute.name: attribute for attribute in node.attribute}
        pads = list(own["pads"].ints) if "pads" in own else []
        if min(pads, default=0) >= 0:
            continue
        before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
        total = [one + other for one, other in zip(before, after, strict=True)]
        extra = list(own["output_padding"].ints) if "output_padding" in own else [0] * len(total)
        before = [min(max(one, 0), max(sum_, 0)) for one, sum_ in zip(before, total, strict=True)]
        after = [max(sum_, 0) - one for one, sum_ in zip(before, total, strict=True)]
        extra = [more - min(sum_, 0) for more, sum_ in zip(extra, total, strict=True)]
        for name in {"pads", "output_padding"} & own.keys():
            node.attribute.remove(own[name])
        node.attribute.add(name="pads", type=INTS, ints=[*before, *after])
        node.attribute.add(name="output_padding", type=INTS, ints=extra)


def _settle_reshapes(graph: Any, arrays: Arrays, shapes: Shapes) -> None:
    """Replace the computed target shape of a Reshape by a constant where only the batch is dynamic."""
    for index, node in enumerate(graph.node):
        if node.op_type != "Reshape" or node.input[1] in arrays:
            continue
        inner = shapes.get(node.output[0], [])[1:]
        if inner and all(side > 0 for side in inner):
            name = f"edgecls_shape_{index}"
            arrays[name] = np.array([-1, *inner], np.int64)
            node.input[1] = name


def _drop_identities(graph: Any) -> None:
    final = {value.name for value in graph.output}
    kept: list[Any] = []
    renamed: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "Identity" and node.output[0] not in final:
            renamed[node.output[0]] = renamed.get(node.input[0], node.input[0])
        else:
            kept.append(node)
    _replace_nodes(graph, kept)
    _rename_reads(graph, renamed)
    producers = {name: node for node in graph.node for name in node.output}
    for node in [node for node in graph.node if node.op_type == "Identity" and node.input[0] in producers]:
        old, new = node.input[0], node.output[0]
        if old in final:
            continue
        graph.node.remove(node)
        _rename_reads(graph, {old: new})
        for other in graph.node:
            other.output[:] = [new if name == old else name for name in other.output]


def _rename_reads(graph: Any, names: Mapping[str, str]) -> None:
    """Let nodes read other tensors, in subgraphs too."""
    for one in all_graphs(graph):
        for node in one.node:
            if not names.keys().isdisjoint(node.input):
                node.input[:] = [names.get(name, name) for name in node.input]
    for one in list(all_graphs(graph))[1:]:
        for value in one.output:
            value.name = names.get(value.name, value.name)


def _fold_constants(model: Any, arrays: Arrays) -> None:
    """Evaluate nodes whose inputs are all constants."""
    reference, helper = load_onnx_package("onnx.reference"), load_onnx_package("onnx.helper")
    kept = []
    for node in model.graph.node:
        inputs = {name: arrays[name] for name in node.input if name in arrays}
        if node.op_type not in _FOLDABLE or len(inputs) != len(set(node.input)):
            kept.append(node)
            continue
        ends = [[helper.make_tensor_value_info(name, 0, None) for name in names] for names in (node.input, node.output)]
        alone = helper.make_model(helper.make_graph([node], "constant", *ends), opset_imports=model.opset_import)
        folded = np.asarray(reference.ReferenceEvaluator(alone).run(None, inputs)[0])
        if folded.nbytes > MAX_GROWTH * sum(array.nbytes for array in inputs.values()):
            kept.append(node)
        else:
            arrays[node.output[0]] = folded
    _replace_nodes(model.graph, kept)


def _fold_into_convolutions(graph: Any, arrays: Arrays) -> None:
    """Fold a multiplication, addition or normalisation per channel into the convolution before it."""
    uses = count_uses(graph)
    convolutions: dict[str, Any] = {}  # by output, if nothing else reads it
    kept = []
    for node in graph.node:
        convolution = next((convolutions[name] for name in node.input if name in convolutions), None)
        change = None if convolution is None else _per_channel(node, convolution, arrays)
        if convolution is None or change is None:
            kept.append(node)
            if node.op_type == "Conv" and node.input[1] in arrays and set(node.input[2:]) <= set(arrays):
                convolution = node
            else:
                continue
        else:
            _apply(convolution, node.output[0], change, arrays)
        if uses[convolution.output[0]] == 1:
            convolutions[convolution.output[0]] = convolution
    _replace_nodes(graph, kept)


def _per_channel(node: Any, convolution: Any, arrays: Arrays) -> Change | None:
    """Return what a node does to the output of a convolution, if that is a scale and an offset per channel."""
    channels = len(arrays[convolution.input[1]])
    constants = [arrays[name] for name in node.input if name in arrays]
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    if node.op_type == "BatchNormalization" and len(constants) == len(node.input) - 1 and len(node.output) == 1:
        epsilon = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)
        gamma, beta, mean, variance = constants
        scale = gamma / np.sqrt(variance + epsilon)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)
    if node.op_type not in ("Mul", "Add", "Sub") or len(constants) != 1:
        return None
    if node.op_type == "Sub" and node.input[1] not in arrays:
        return None
    shape = (1,) * (_IMAGE_RANK - constants[0].ndim) + constants[0].shape
    if shape not in ((1, channels, 1, 1), (1, 1, 1, 1)):
        return None
    values = np.broadcast_to(constants[0].reshape(-1), channels).astype(np.float32)
    if node.op_type == "Mul":
        return values, zeros
    return ones, values if node.op_type == "Add" else -values


def _apply(convolution: Any, output: str, change: Change, arrays: Arrays) -> None:
    """Make a convolution compute `output`, scaled and offset; its old constants may have other users."""
    scale, offset = change
    kernel = arrays[convolution.input[1]]
    bias = arrays[convolution.input[2]] if len(convolution.input) > 2 else np.zeros(len(kernel), np.float32)
    names = [convolution.input[0], f"{output}_kernel", f"{output}_bias"]
    if np.any(scale != 1):
        kernel = kernel * scale.reshape(-1, *(1,) * (kernel.ndim - 1))
    arrays[names[1]], arrays[names[2]] = kernel, bias * scale + offset
    convolution.input[:] = names
    convolution.output[:] = [output]


def keep_zero_padding(graph: Any, arrays: Arrays) -> None:
    """Keep zero padding before max pooling safe from onnxruntime: pad with minus zero instead.

    onnxruntime moves a Pad of zeros into the MaxPool that follows (its optimisation Pad_Fusion). But MaxPool ignores
    what it pads, so negative values at the border win over the zeros. ResNet50V2 has such a Pad; its answers differed
    by 0.13. The fusion looks for a padding value whose bytes are all zero; minus zero has another byte, and is the
    same to MaxPool.

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
    """Yield the operators that read a tensor, also behind a Transpose, which onnxruntime moves."""
    for node in graph.node:
        if name in node.input:
            yield node.op_type
            if node.op_type == "Transpose":
                yield from _followers(graph, node.output[0])


def pad_in_convolutions(graph: Any, arrays: Arrays) -> None:
    """Move zero padding that only one convolution reads into that convolution.

    Args:
        graph: An onnx.GraphProto; changed in place.
        arrays: Its constants.
    """
    uses = count_uses(graph)
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
        node.attribute.add(name="pads", type=INTS, ints=total)
        node.input[0] = pad.input[0]
        graph.node.remove(pad)


def _spatial_zeros(pad: Any, arrays: Arrays) -> list[int] | None:
    """Return the zeros that a Pad adds before and after height and width, or None if it does anything else."""
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


def _replace_nodes(graph: Any, nodes: list[Any]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]  # they die with the list
    del graph.node[:]
    graph.node.extend(copies)
