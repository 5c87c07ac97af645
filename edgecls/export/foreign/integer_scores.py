"""Scale and zero point of the integer scores of a quantized network, found in its graph."""

from collections.abc import Mapping
from math import prod
from typing import Any

from edgecls.export.foreign.pipeline import Quantization
from edgecls.export.graph.constants import constant_tensors
from edgecls.export.graph.onnx_package import load_onnx_package

__all__ = ["find_quantization"]

_SAME_NUMBERS = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity", "Cast"}

_PLACES = {
    "QuantizeLinear": (1, 2),
    "QLinearMatMul": (6, 7),
    "QLinearConv": (6, 7),
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearConcat": (0, 1),
    **dict.fromkeys(
        ("QLinearSoftmax", "QLinearSigmoid", "QLinearLeakyRelu", "QLinearAveragePool", "QLinearGlobalAveragePool"),
        (3, 4),
    ),
}
"""Operators of ONNX and onnxruntime with integer outputs, and which of their inputs are scale and zero point."""


def find_quantization(proto: Any, output_name: str) -> Quantization | None:
    """Return the scale and zero point of an output, or None if the graph does not state them.

    Args:
        proto: An onnx.ModelProto.
        output_name: Of an integer output.
    """
    producers = {name: node for node in proto.graph.node for name in node.output}
    node = producers.get(output_name)
    while node is not None and node.op_type in _SAME_NUMBERS:
        node = producers.get(node.input[0])
    if node is None or node.op_type not in _PLACES:
        return None
    scale_place, zero_place = _PLACES[node.op_type]
    scale = _single_number(proto.graph, producers, node.input[scale_place])
    if len(node.input) <= zero_place or not node.input[zero_place]:
        zero_point: float | None = 0.0
    else:
        zero_point = _single_number(proto.graph, producers, node.input[zero_place])
    if scale is None or zero_point is None or not scale > 0:
        return None
    return Quantization(scale, int(zero_point))


def _single_number(graph: Any, producers: Mapping[str, Any], name: str) -> float | None:
    """Return the value of a constant if it is a single number."""
    while (node := producers.get(name)) is not None and node.op_type == "Identity":
        name = node.input[0]
    if node is not None and node.op_type == "Constant" and node.attribute[0].name in ("value_float", "value_int"):
        (given,) = node.attribute
        return float(given.f if given.name == "value_float" else given.i)
    tensor = constant_tensors(graph).get(name)
    if tensor is None or prod(tensor.dims) != 1:
        return None
    return float(load_onnx_package().numpy_helper.to_array(tensor).reshape(()))
