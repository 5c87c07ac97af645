"""Conversion of a float32 graph to float16.

What comes before the first layer with weights (the scaling of pixels), the softmax, the familiarity, the outputs, and
the few operators that do not support float16 everywhere stay in float32. The inputs keep their types.
"""

from typing import Any

import numpy as np

from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.modelfile import FAMILIARITY_NAME

__all__ = ["LARGEST", "WEIGHTED", "float16_onnx"]

FLOAT, FLOAT16 = 1, 10  # of onnx.TensorProto
LARGEST = 65504.0
"""The largest float16. Larger constants, such as the upper bound of an open Clip, are clipped to it."""

WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
"""Operators that multiply by weights, with the index of the weights among their inputs."""

KEPT = {
    *("Softmax", "LogSoftmax", "ReduceSum", "ReduceL2", "TopK", "Range", "CumSum", "Resize", "Upsample"),
    *("Constant", "ConstantOfShape", "RandomNormalLike", "RandomUniformLike", "EyeLike"),
}
"""Operators that stay in float32: sums that lose digits or overflow, and operators with a type fixed somewhere."""


def float16_onnx(network: Any) -> bytes:
    """Return a network with weights and arithmetic in float16.

    Args:
        network: An onnx.ModelProto in float32 with inferred shapes and unique node names; it is not changed.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    onnx = load_onnx_package()
    proto = onnx.ModelProto()
    proto.CopyFrom(network)
    graph = proto.graph
    weights = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == FLOAT}
    nodes = _with_casts(onnx, graph, set(weights))
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    constants += [
        onnx.numpy_helper.from_array(_as_float16(onnx.numpy_helper.to_array(tensor)), f"{name}_float16")
        for name, tensor in weights.items()
        if f"{name}_float16" in used
    ]
    ends = list(graph.input), list(graph.output)
    reduced = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    reduced.graph.CopyFrom(onnx.helper.make_graph(nodes, graph.name, *ends, constants))
    serialized: bytes = reduced.SerializeToString()
    return serialized


def _with_casts(onnx: Any, graph: Any, weights: set[str]) -> list[Any]:
    """Return the nodes of a graph, converted to float16 where possible, with a Cast wherever the type changes.

    The float16 copy of a weight has its name with "_float16" appended.
    """
    halves = _nodes_in_float16(graph)
    floats = {value.name for value in (*graph.value_info, *graph.output) if value.type.tensor_type.elem_type == FLOAT}
    in_float16 = {name for node in graph.node if node.name in halves for name in node.output} & floats
    there: set[str] = set()
    nodes = []
    for node in graph.node:
        wants_float16 = node.name in halves
        for place, name in enumerate(node.input):
            other = f"{name}_{'float16' if wants_float16 else 'float32'}"
            if name in weights and wants_float16:
                node.input[place] = other
            elif name in floats and (name in in_float16) != wants_float16:
                node.input[place] = other
                if other not in there:
                    nodes.append(onnx.helper.make_node("Cast", [name], [other], to=FLOAT16 if wants_float16 else FLOAT))
                    there.add(other)
        if wants_float16 and node.op_type == "Cast" and node.attribute[0].i == FLOAT:
            node.attribute[0].i = FLOAT16
        nodes.append(node)
    for name in [value.name for value in graph.output if value.name in in_float16]:
        _rename(nodes, name, f"{name}_in_float16")
        nodes.append(onnx.helper.make_node("Cast", [f"{name}_in_float16"], [name], to=FLOAT))
    return nodes


def _nodes_in_float16(graph: Any) -> set[str]:
    """Return the names of the nodes from the first layer with weights on, except those of KEPT."""
    behind: set[str] = set()
    halves = set()
    for node in graph.node:
        if node.op_type in WEIGHTED or not behind.isdisjoint(node.input):
            behind.update(node.output)
            is_familiarity = node.output[0].startswith(FAMILIARITY_NAME)
            if node.op_type not in KEPT and node.domain in ("", "ai.onnx") and not is_familiarity:
                halves.add(node.name)
    return halves


def _as_float16(array: Any) -> Any:
    return np.clip(array, -LARGEST, LARGEST).astype(np.float16)


def _rename(nodes: list[Any], old: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
