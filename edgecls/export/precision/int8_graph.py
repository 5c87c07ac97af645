"""Writing the int8 network: onnxruntime's quantiser puts QuantizeLinear and DequantizeLinear around the layers."""

from collections.abc import Collection
from typing import Any

import numpy as np

from edgecls.export.precision.activation_ranges import Ranges
from edgecls.export.precision.float_network import FloatNetwork, load_onnx_package
from edgecls.export.precision.recipe import Int8Recipe
from edgecls.extras import import_from_extra
from edgecls.runtime.execution.providers import load_onnxruntime

__all__ = ["int8_onnx"]


def int8_onnx(network: FloatNetwork, layers: Collection[str], ranges: Ranges, recipe: Int8Recipe) -> bytes:
    """Return the network with some of its layers in int8.

    Scaling of pixels, softmax, and whatever leads to other outputs stay in float32.

    Args:
        network: In float32.
        layers: Names of the layers that shall be int8, at least one.
        ranges: Of the tensors around them.
        recipe: The number formats.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    load_onnxruntime()  # so that it is imported in the one way that keeps it silent
    package = import_from_extra("onnxruntime.quantization", extra="cpu", purpose="quantising a model")
    nodes = [name for layer in layers for name in (layer, *network.activations.get(layer, ()))]
    proto = type(network.proto)()
    proto.CopyFrom(network.proto)
    # The quantiser would write the network to disk and back to infer shapes; this tells it that they are known.
    load_onnx_package().helper.set_model_props(proto, {"onnx.infer": "onnxruntime.quant"})
    quantizer = package.QDQQuantizer(
        proto,
        per_channel=True,
        reduce_range=recipe.weight_bits < 8,
        weight_qType=package.QuantType.QInt8,
        activation_qType=package.QuantType.QInt8 if recipe.signed_activations else package.QuantType.QUInt8,
        tensors_range=_tensors_data(package, ranges),
        nodes_to_quantize=nodes,
        nodes_to_exclude=[],
        op_types_to_quantize=sorted({node.op_type for node in proto.graph.node if node.name in set(nodes)}),
        extra_options={},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return _small(quantizer.model.model)


def _tensors_data(package: Any, ranges: Ranges) -> Any:
    data = {
        name: package.TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    return package.TensorsData(package.CalibrationMethod.MinMax, data)


def _small(proto: Any) -> bytes:
    """Return a serialised network without what only the quantiser needed."""
    del proto.metadata_props[:]
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
    serialized: bytes = proto.SerializeToString()
    return serialized
