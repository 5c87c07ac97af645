"""What the whole numbers stand for that a quantized network gives: found in its graph."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.foreign.pipeline import Quantization
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
"""Operators that give whole numbers, of ONNX and of onnxruntime: which of their inputs are scale and zero point."""


def find_quantization(proto: Any, output_name: str) -> Quantization | None:
    """Return the scale and zero point of an output, or None if the graph does not say them.

    Args:
        proto: An onnx.ModelProto.
        output_name: Of an output of whole numbers.
    """
    producers = {name: node for node in proto.graph.node for name in node.output}
    node = producers.get(output_name)
    while node is not None and node.op_type in _SAME_NUMBERS:
        node = producers.get(node.input[0])
    if node is None or node.op_type not in _PLACES:
        return None
    scale_place, zero_place = _PLACES[node.op_type]
    scale = _single_number(proto, producers, node.input[scale_place])
    if len(node.input) <= zero_place or not node.input[zero_place]:
        zero_point: float | None = 0.0
    else:
        zero_point = _single_number(proto, producers, node.input[zero_place])
    if scale is None or zero_point is None or not scale > 0:
        return None
    return Quantization(scale, int(zero_point))


def _single_number(proto: Any, producers: dict[str, Any], name: str) -> float | None:
    """Return the value of a constant of one number."""
    to_array = load_onnx_package().numpy_helper.to_array
    node = producers.get(name)
    values: npt.NDArray[Any] | None = None
    if node is not None and node.op_type == "Identity":
        return _single_number(proto, producers, node.input[0])
    if node is not None and node.op_type == "Constant":
        for attribute in node.attribute:
            if attribute.name == "value":
                values = to_array(attribute.t)
            elif attribute.name in ("value_float", "value_int"):
                values = np.array(attribute.f if attribute.name == "value_float" else attribute.i)
    for tensor in proto.graph.initializer:
        if tensor.name == name:
            values = to_array(tensor)
    return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None
