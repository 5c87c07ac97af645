"""Taking out of an ONNX graph what need not be computed for every image.

The passes change a graph and its constants in place and leave its answers as they are, but for the
last digits where batch normalisation is multiplied into the kernel before it.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.initializers import Arrays
from edgecls.extras import import_from_extra

__all__ = ["Shapes", "tidy"]

Shapes = dict[str, list[int]]
"""Shapes of inner tensors by their names, -1 where a side is free; empty where nothing is known."""

MAX_GROWTH = 2  # a constant that grows more by folding is cheaper to compute than to ship

_FOLDABLE = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Mul", "Add", "Sub", "Div", "Sqrt", "Reciprocal", "Cast"}
_IMAGE_RANK = 4


def tidy(model: Any, arrays: Arrays, shapes: Shapes) -> None:
    """Fold constants, put scales and offsets into the convolutions before them, drop what does nothing.

    Args:
        model: An onnx.ModelProto whose constants are in `arrays` instead.
        arrays: All its constants, those too that are computed from others.
        shapes: What is known of the tensors between its nodes.
    """
    graph = model.graph
    _settle_reshapes(graph, arrays, shapes)
    _drop_identities(graph)
    _drop_unused(graph, arrays)
    _fold_constants(model, arrays)
    _fold_into_convolutions(graph, arrays)
    _drop_unused(graph, arrays)


def _settle_reshapes(graph: Any, arrays: Arrays, shapes: Shapes) -> None:
    """Give a reshape of which only the batch is free its shape, instead of computing it from the batch."""
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
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in final:
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    _replace_nodes(graph, kept)
    producers = {name: node for node in graph.node for name in node.output}
    for node in [node for node in graph.node if node.op_type == "Identity" and node.input[0] in producers]:
        old, new = node.input[0], node.output[0]
        if old in final:
            continue
        graph.node.remove(node)
        for other in graph.node:
            other.input[:] = [new if name == old else name for name in other.input]
            other.output[:] = [new if name == old else name for name in other.output]


def _fold_constants(model: Any, arrays: Arrays) -> None:
    """Compute the nodes all of whose inputs are constants."""
    reference = import_from_extra("onnx.reference", extra="train", purpose="converting to ONNX")
    helper = import_from_extra("onnx.helper", extra="train", purpose="converting to ONNX")
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
    """Put a multiplication, addition or normalisation of each channel into the convolution before it."""
    uses = Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)
    convolutions: dict[str, Any] = {}  # by their output, those that nobody else reads
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


Change = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Scale and offset of each channel."""


def _per_channel(node: Any, convolution: Any, arrays: Arrays) -> Change | None:
    """Return what a node does to the result of a convolution, if that is a scale and an offset of each channel."""
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
    """Let a convolution give `output`, its result with scale and offset; its old constants may have other users."""
    scale, offset = change
    kernel = arrays[convolution.input[1]]
    bias = arrays[convolution.input[2]] if len(convolution.input) > 2 else np.zeros(len(kernel), np.float32)
    names = [convolution.input[0], f"{output}_kernel", f"{output}_bias"]
    if np.any(scale != 1):
        kernel = kernel * scale.reshape(-1, *(1,) * (kernel.ndim - 1))
    arrays[names[1]], arrays[names[2]] = kernel, bias * scale + offset
    convolution.input[:] = names
    convolution.output[:] = [output]


def _drop_unused(graph: Any, arrays: Arrays) -> None:
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.isdisjoint(node.output):
            continue
        kept.append(node)
        needed.update(node.input)
    _replace_nodes(graph, kept[::-1])
    for name in set(arrays) - needed:
        del arrays[name]


def _replace_nodes(graph: Any, nodes: list[Any]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]  # they die with the list
    del graph.node[:]
    graph.node.extend(copies)
