"""Writing the float16 network.

In float32 remain the scaling of pixels, the softmax, all outputs, and the few operators that float16 does not have
everywhere. The input stays uint8.
"""

from typing import Any

import numpy as np

from edgecls.export.precision.float_network import FloatNetwork
from edgecls.extras import import_from_extra

__all__ = ["LARGEST", "float16_onnx"]

FLOAT, FLOAT16 = 1, 10  # of onnx.TensorProto
LARGEST = 65504.0
"""Of the numbers in float16. Constants beyond it, such as the upper end of an open Clip, become it."""

KEPT = {
    *("Softmax", "LogSoftmax", "ReduceSum", "ReduceL2", "TopK", "Range", "CumSum", "Resize", "Upsample"),
    *("Constant", "ConstantOfShape", "RandomNormalLike", "RandomUniformLike", "EyeLike"),
}
"""Kinds of nodes that compute in float32: sums that lose digits or overflow, and those with float32 fixed somewhere."""

WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


def float16_onnx(network: FloatNetwork) -> bytes:
    """Return the network with weights and arithmetic in float16.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    onnx = import_from_extra("onnx", extra="train", purpose="reducing the precision of a model")
    proto = onnx.ModelProto()
    proto.CopyFrom(network.proto)
    graph = proto.graph
    halves = _nodes_in_float16(graph)
    floats = {value.name for value in (*graph.value_info, *graph.output) if value.type.tensor_type.elem_type == FLOAT}
    weights = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == FLOAT}
    in_float16 = {name for node in graph.node if node.name in halves for name in node.output} & floats
    casts: dict[str, Any] = {}  # by what they give
    nodes = []
    for node in graph.node:
        wants_float16 = node.name in halves
        for place, name in enumerate(node.input):
            if name in weights and wants_float16:
                node.input[place] = f"{name}_float16"
            elif name in floats and (name in in_float16) != wants_float16:
                node.input[place] = f"{name}_{'float16' if wants_float16 else 'float32'}"
                if node.input[place] not in casts:
                    casts[node.input[place]] = onnx.helper.make_node(
                        "Cast", [name], [node.input[place]], to=FLOAT16 if wants_float16 else FLOAT
                    )
                    nodes.append(casts[node.input[place]])
        if wants_float16 and node.op_type == "Cast" and node.attribute[0].i == FLOAT:
            node.attribute[0].i = FLOAT16
        nodes.append(node)
    for value in graph.output:
        if value.name in in_float16:
            _rename(nodes, value.name, f"{value.name}_in_float16")
            nodes.append(onnx.helper.make_node("Cast", [f"{value.name}_in_float16"], [value.name], to=FLOAT))
    used = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    constants += [
        onnx.numpy_helper.from_array(_as_float16(onnx.numpy_helper.to_array(tensor)), f"{name}_float16")
        for name, tensor in weights.items()
        if f"{name}_float16" in used
    ]
    inputs, outputs = list(graph.input), list(graph.output)
    small = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    small.graph.CopyFrom(onnx.helper.make_graph(nodes, graph.name, inputs, outputs, constants))
    serialized: bytes = small.SerializeToString()
    return serialized


def _nodes_in_float16(graph: Any) -> set[str]:
    """Return the names of the nodes from the first layer with weights on, but for those of KEPT."""
    behind: set[str] = set()
    halves = set()
    for node in graph.node:
        if node.op_type in WEIGHTED or not behind.isdisjoint(node.input):
            behind.update(node.output)
            if node.op_type not in KEPT and node.domain in ("", "ai.onnx"):
                halves.add(node.name)
    return halves


def _as_float16(array: Any) -> Any:
    return np.clip(array, -LARGEST, LARGEST).astype(np.float16)


def _rename(nodes: list[Any], old: str, new: str) -> None:
    for node in nodes:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
