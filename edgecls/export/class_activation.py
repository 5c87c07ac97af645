"""Giving a network the output "class_activation": how much each place of a picture speaks for each label.

It is the feature map, weighted as the network weights its mean (Zhou et al., "Learning Deep Features for
Discriminative Localization", 2016): the mean of the output over all places is the logits without
their bias, and without a factor that all share, such as a temperature. The weights are those of the network,
not copies.
"""

from typing import Any

from edgecls.export.averaging_head import AveragingHead, find_averaging_head
from edgecls.export.foreign.file import load_onnx_package
from edgecls.export.graph_surgery import tensor_names
from edgecls.export.inferred_shapes import infer_shapes
from edgecls.modelfile import ACTIVATION_NAME, INPUT_NAME, OUTPUT_NAME

__all__ = ["with_class_activation"]

EINSUM_OPSET = 12  # the first that has the operator


def with_class_activation(onnx: bytes) -> bytes:
    """Return a network with the output "class_activation", float32 ``[N, h, w, K]``.

    Args:
        onnx: A serialised network with input "image" of known size and output "probabilities". It is returned as it is
            if it has the output already, or if it cannot have one: it does not end in a mean over a feature map, a
            dense layer at most, and a softmax; its weights are no float32; or its opset is below 12.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    proto = load_onnx_package().load_model_from_string(onnx)
    if not _is_suitable(proto):
        return onnx
    (picture,) = proto.graph.input
    height, width, channels = (dim.dim_value for dim in picture.type.tensor_type.shape.dim[1:])
    shapes = infer_shapes(proto, INPUT_NAME, batch=1, sizes=(height, width, channels))
    head = find_averaging_head(proto.graph, shapes)
    labels = shapes.known(OUTPUT_NAME)
    if head is None or labels is None:
        return onnx
    _add(proto.graph, head, labels=labels[1])
    serialized: bytes = proto.SerializeToString()
    return serialized


def _is_suitable(proto: Any) -> bool:
    types = load_onnx_package().TensorProto
    other_floats = {types.FLOAT16, types.BFLOAT16, types.DOUBLE}
    return (
        len(proto.graph.input) == 1
        and any(entry.version >= EINSUM_OPSET for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
        and not any(weight.data_type in other_floats for weight in proto.graph.initializer)
        and not any(name.startswith(ACTIVATION_NAME) for name in tensor_names(proto.graph))
    )


def _add(graph: Any, head: AveragingHead, *, labels: int) -> None:
    package = load_onnx_package()
    make = package.helper.make_node
    every = ACTIVATION_NAME if head.kept is None else f"{ACTIVATION_NAME}_of_all"
    axes = "nhwc" if head.channels_last else "nchw"
    if head.weights is None:
        inputs, equation = [head.feature_map], f"{axes}->nhwc"
    else:
        inputs, equation = [head.feature_map, head.weights], f"{axes},{head.weight_axes}->nhwk"
    graph.node.append(make("Einsum", inputs, [every], name=every, equation=equation))
    if head.kept is not None:
        graph.node.append(make("Gather", [every, head.kept], [ACTIVATION_NAME], name=ACTIVATION_NAME, axis=3))
    shape = ["N", *head.size_hw, labels]
    graph.output.append(package.helper.make_tensor_value_info(ACTIVATION_NAME, package.TensorProto.FLOAT, shape))
