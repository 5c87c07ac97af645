"""Keras to ONNX: the conversion itself."""

from types import ModuleType
from typing import Any

import keras

from edgecls.errors import ExportError
from edgecls.export.zero_padding import keep_zero_padding
from edgecls.extras import import_from_extra
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["OPSET", "keras_to_onnx"]

OPSET = 18
"""Version of the ONNX operators; the newest that tf2onnx writes. onnxruntime reads it since 1.14."""


def keras_to_onnx(model: keras.Model) -> bytes:
    """Convert a Keras classifier to ONNX, with a free batch dimension and fixed names.

    Args:
        model: One input, uint8 ``[N, H, W, C]``; one output, float32 ``[N, K]``.

    Returns:
        A serialised ONNX model with input "image" and output "probabilities".

    Raises:
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
        ExportError: A layer has no counterpart in ONNX.
    """
    tensorflow = import_from_extra("tensorflow", extra="train", purpose="converting to ONNX")
    tf2onnx = import_from_extra("tf2onnx", extra="train", purpose="converting to ONNX")
    onnx = import_from_extra("onnx", extra="train", purpose="converting to ONNX")
    signature = [tensorflow.TensorSpec(model.inputs[0].shape, tensorflow.uint8, name=INPUT_NAME)]
    try:
        proto, _ = tf2onnx.convert.from_keras(model, input_signature=signature, opset=OPSET)
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"cannot convert {model.name!r} to ONNX: {reason}") from error
    graph = proto.graph
    if len(graph.input) != 1 or len(graph.output) != 1:
        raise ExportError(
            f"cannot export {model.name!r}: a classifier has one input and one output, "
            f"this network has {len(graph.input)} and {len(graph.output)}"
        )
    _rename(graph, graph.input[0].name, INPUT_NAME)
    _rename(graph, graph.output[0].name, OUTPUT_NAME)
    keep_zero_padding(onnx, graph)
    _declare_shapes(onnx, proto)
    graph.input[0].type.denotation = "IMAGE"  # the ONNX standard's word for it
    onnx.checker.check_model(proto)
    serialized: bytes = proto.SerializeToString()
    return serialized


def _rename(graph: Any, old: str, new: str) -> None:
    """Rename a tensor everywhere in the graph."""
    if old == new:
        return
    for node in graph.node:
        if new in node.output:
            raise ExportError(f"cannot export: an inner tensor of the network is named {new!r}; rename that layer")
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.name == old:
            value.name = new


def _declare_shapes(onnx: ModuleType, proto: Any) -> None:
    """Name the batch dimension alike on both ends."""
    for value in (proto.graph.input[0], proto.graph.output[0]):
        batch = value.type.tensor_type.shape.dim[0]
        batch.Clear()
        batch.dim_param = "N"
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
