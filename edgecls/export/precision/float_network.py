"""The float32 network of a model file, prepared for reducing its precision."""

from dataclasses import dataclass
from typing import Any

from edgecls.errors import ExportError
from edgecls.export.graph.constants import serialized_with, take_constants
from edgecls.export.graph.float16 import WEIGHTED
from edgecls.export.graph.onnx_package import load_onnx_package
from edgecls.export.graph.surgery import all_graphs, count_uses
from edgecls.export.graph.tidy import pad_in_convolutions, tidy
from edgecls.modelfile import OUTPUT_NAME, ModelFile

__all__ = ["FloatNetwork", "read_float_network"]

FLOAT = 1  # of onnx.TensorProto
MIN_OPSET = 13  # the first with a scale for each channel

JOINING = {"Add", "Mul", "Concat"}  # only where all inputs are computed
POOLING = {"AveragePool", "GlobalAveragePool", "MaxPool"}
ACTIVATIONS = {"Relu", "Clip"}  # the rounding of the layer before them absorbs them

QUANTIZED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
TREES = "ai.onnx.ml"  # domain of operators


@dataclass(frozen=True)
class FloatNetwork:
    """A network with folded constants, inferred shapes and named nodes.

    Attributes:
        name: Of the model, for messages.
        proto: The network as an onnx.ModelProto; not to be changed.
        layers: Names of the nodes that lead to the probabilities and can be int8, in order.
        activations: Names of the activations that directly follow a layer, by layer.
    """

    name: str
    proto: Any
    layers: tuple[str, ...]
    activations: dict[str, tuple[str, ...]]

    @property
    def onnx(self) -> bytes:
        """The network as onnxruntime takes it."""
        serialized: bytes = self.proto.SerializeToString()
        return serialized

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of the computed inputs and outputs of the layers."""
        computed = {name for node in self.proto.graph.node for name in node.output}
        nodes = {*self.layers, *(name for names in self.activations.values() for name in names)}
        ends = [name for node in self.proto.graph.node if node.name in nodes for name in (*node.input, *node.output)]
        return tuple(dict.fromkeys(name for name in ends if name in computed))


def read_float_network(model: ModelFile) -> FloatNetwork:
    """Read the network of a model file.

    Raises:
        ExportError: It already has reduced precision, or nothing to reduce.
        MissingExtraError: The package onnx is not installed.
    """
    onnx = load_onnx_package()
    proto = onnx.load_from_string(model.onnx)
    _refuse(model, proto)
    del proto.metadata_props[:]
    arrays = take_constants(proto.graph)
    tidy(proto, arrays, {})
    pad_in_convolutions(proto.graph, arrays)
    proto = _of_new_enough_opset(onnx, onnx.load_from_string(serialized_with(proto, arrays)), model.card.name)
    proto = onnx.shape_inference.infer_shapes(proto)
    for index, node in enumerate(proto.graph.node):
        node.name = f"{node.op_type}_{index}"  # its own names need not be unique
    layers = _layers(proto.graph)
    if not any(node.op_type in WEIGHTED for node in proto.graph.node if node.name in layers):
        raise ExportError(
            f"model {model.card.name!r} has no convolution and no dense layer in float32, so there is nothing to "
            "quantise; use it as it is"
        )
    return FloatNetwork(model.card.name, proto, tuple(layers), _activations_behind(proto.graph, layers))


def _refuse(model: ModelFile, proto: Any) -> None:
    name, nodes = model.card.name, [node for graph in all_graphs(proto.graph) for node in graph.node]
    quantized = any(node.op_type in QUANTIZED or node.op_type.startswith("QLinear") for node in nodes)
    if model.card.precision != "float32" or quantized:
        precision = "int8" if quantized else model.card.precision
        raise ExportError(f"model {name!r} is {precision} already; give the float32 model file that it was made from")
    if any(node.domain == TREES for node in nodes):
        raise ExportError(
            f"model {name!r} ({model.card.architecture}) decides by comparing numbers, as trees do, and has no weights "
            "that lower precision would make faster; use it as it is"
        )
    if len(nodes) > len(proto.graph.node):
        raise ExportError(
            f"model {name!r} has loops or branches in its graph, which cannot be quantised; use it as it is"
        )


def _of_new_enough_opset(onnx: Any, proto: Any, name: str) -> Any:
    version = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    if version >= MIN_OPSET:
        return proto
    try:
        return onnx.version_converter.convert_version(proto, MIN_OPSET)
    except RuntimeError as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(
            f"model {name!r} is written in operators of opset {version} and cannot be brought to {MIN_OPSET} "
            f"({reason}); export the original again in a newer opset"
        ) from error


def _layers(graph: Any) -> list[str]:
    needed = {OUTPUT_NAME}
    for node in reversed(graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
    # Classical models compute in float64 here and there.
    floats = {value.name for value in (*graph.value_info, *graph.output) if value.type.tensor_type.elem_type == FLOAT}
    constants = {tensor.name for tensor in graph.initializer}
    matrices = {tensor.name for tensor in graph.initializer if tensor.data_type == FLOAT and len(tensor.dims) > 1}
    return [
        node.name
        for node in graph.node
        if not needed.isdisjoint(node.output)
        and floats.issuperset(node.output)
        and (
            (node.op_type in WEIGHTED and node.input[WEIGHTED[node.op_type]] in matrices)
            or (node.op_type in JOINING and constants.isdisjoint(node.input))
            or node.op_type in POOLING
        )
    ]


def _activations_behind(graph: Any, layers: list[str]) -> dict[str, tuple[str, ...]]:
    uses = count_uses(graph)
    producers = {name: node.name for node in graph.node for name in node.output}
    behind: dict[str, tuple[str, ...]] = {}
    for node in graph.node:
        producer = producers.get(node.input[0]) if node.input else None
        if node.op_type in ACTIVATIONS and producer in set(layers) and uses[node.input[0]] == 1:
            behind[str(producer)] = (node.name,)
    return behind
