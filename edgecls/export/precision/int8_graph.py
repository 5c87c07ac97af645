"""Calibration and conversion to int8: onnxruntime's quantiser inserts QuantizeLinear and DequantizeLinear."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.precision.float_network import FloatNetwork
from edgecls.export.precision.recipe import Int8Recipe
from edgecls.extras import import_from_extra
from edgecls.in_order import map_in_order
from edgecls.modelfile import INPUT_NAME
from edgecls.runtime.execution.onnxruntime_network import open_raw_network
from edgecls.runtime.execution.ort import load_onnxruntime

__all__ = ["CalibrationMethod", "Extremes", "Ranges", "int8_onnx", "observe_extremes", "ranges_from"]

Extremes = Mapping[str, npt.NDArray[np.float32]]
"""Smallest and largest number of each tensor for each image: ``[N, 2]``."""

Ranges = Mapping[str, tuple[float, float]]
"""What the smallest and the largest byte stand for, for each tensor; always includes zero."""


class CalibrationMethod(StrEnum):
    """How ranges are derived from images.

    MIN_MAX: the extremes over all images; nothing is clipped.
    MEAN_MIN_MAX: the mean of the extremes of each image; rare large numbers are clipped, the others get finer steps.
    """

    MIN_MAX = "min-max"
    MEAN_MIN_MAX = "mean min-max"


def observe_extremes(network: FloatNetwork, pixels: npt.NDArray[np.uint8], *, workers: int) -> Extremes:
    """Run a network on single images and record the extremes of the tensors around its layers.

    Args:
        network: In float32.
        pixels: uint8, ``[N, height, width, channels]``.
        workers: Number of images at once.
    """
    onnx = load_onnx_package()
    names = network.tensors
    proto = onnx.ModelProto()
    proto.CopyFrom(network.proto)
    there = {value.name for value in proto.graph.output}
    proto.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in there
    )
    session = open_raw_network(proto.SerializeToString(), name=network.name)

    def extremes(image: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
        values = session.run(image[np.newaxis], input_name=INPUT_NAME)
        return [(values[name].min(), values[name].max()) for name in names]

    seen = np.asarray(list(map_in_order(extremes, pixels, workers=workers)), np.float32)
    return {name: seen[:, index] for index, name in enumerate(names)}


def ranges_from(extremes: Extremes, method: CalibrationMethod) -> Ranges:
    """Return the range of each tensor."""
    if method is CalibrationMethod.MIN_MAX:
        return {name: (min(0.0, seen[:, 0].min()), max(0.0, seen[:, 1].max())) for name, seen in extremes.items()}
    return {name: (min(0.0, seen[:, 0].mean()), max(0.0, seen[:, 1].mean())) for name, seen in extremes.items()}


def int8_onnx(network: FloatNetwork, layers: Collection[str], ranges: Ranges, recipe: Int8Recipe) -> bytes:
    """Return the network with some of its layers in int8.

    The scaling of pixels, the softmax, and whatever leads only to other outputs stay in float32.

    Args:
        network: In float32.
        layers: Names of the layers to convert, at least one.
        ranges: Of the tensors around them.
        recipe: The number formats.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    load_onnxruntime()  # imports it without its output on the terminal
    package = import_from_extra("onnxruntime.quantization", extra="cpu", purpose="quantising a model")
    nodes = [name for layer in layers for name in (layer, *network.activations.get(layer, ()))]
    proto = type(network.proto)()
    proto.CopyFrom(network.proto)
    # Otherwise the quantiser writes the network to disk to infer shapes; this marks them as known.
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
    """Serialise a network without what only the quantiser needed."""
    del proto.metadata_props[:]
    del proto.graph.value_info[:]
    for node in proto.graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
    serialized: bytes = proto.SerializeToString()
    return serialized
