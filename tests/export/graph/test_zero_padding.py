"""Zero padding before max pooling has to stay as it is in onnxruntime."""

import keras
import numpy as np
import onnx
import pytest
from tiny_model import tiny_card

from edgecls.export.from_keras.convert import keras_to_onnx
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.export.graph.tidy import keep_zero_padding
from edgecls.image_spec import ImageSpec


def _padded(*between: keras.layers.Layer) -> keras.Model:
    """A network in which all values before the padding are below zero."""
    pixels = keras.Input((6, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255, offset=-2)(pixels)
    x = keras.layers.Conv2D(4, 1, kernel_initializer=keras.initializers.Constant(0.5))(x)
    x = keras.layers.ZeroPadding2D(1)(x)
    for layer in between:
        x = layer(x)
    x = keras.layers.MaxPooling2D(3, strides=2)(x)
    x = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(pixels, x, name="padded")


def test_negative_values_at_the_border_lose_to_the_zeros() -> None:
    keras.utils.set_random_seed(0)
    model = _padded()
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    card = tiny_card(image=ImageSpec(6, 8), golden=golden_from(model, {"a": image}))

    assert export_float32(model, card).parity.difference < 1e-5  # 0.1 when onnxruntime fuses the two


def _pad_value(proto: onnx.ModelProto) -> np.ndarray:
    (pad,) = (node for node in proto.graph.node if node.op_type == "Pad")
    (value,) = (tensor for tensor in proto.graph.initializer if tensor.name == pad.input[2])
    return onnx.numpy_helper.to_array(value)


def test_the_padding_is_minus_zero_and_the_graph_valid() -> None:
    proto = onnx.load_from_string(keras_to_onnx(_padded()))

    value = _pad_value(proto)
    assert value == 0
    assert np.signbit(value)
    onnx.checker.check_model(proto, full_check=True)


def _graph(*kinds: str, value: float | None = 0.0, mode: str = "constant") -> onnx.GraphProto:
    """A chain of nodes; Pad has its value as an input, or none."""
    helper = onnx.helper
    nodes, name = [], "x"
    for index, kind in enumerate(kinds):
        inputs = [name, "pads", *(["value"] if value is not None else [])] if kind == "Pad" else [name]
        attributes: dict[str, object] = {"mode": mode} if kind == "Pad" else {}
        nodes.append(helper.make_node(kind, inputs, [f"y{index}"], **attributes))
        name = f"y{index}"
    initializers = [helper.make_tensor("pads", onnx.TensorProto.INT64, [8], [0, 0, 1, 1, 0, 0, 1, 1])]
    if value is not None:
        initializers.append(helper.make_tensor("value", onnx.TensorProto.FLOAT, [], [value]))
    return helper.make_graph(nodes, "g", [], [], initializers)


@pytest.mark.parametrize(
    ("kinds", "value", "mode", "kept"),
    [
        (("Pad", "MaxPool"), 0.0, "constant", True),
        (("Pad", "MaxPool"), None, "constant", True),
        (("Pad", "Transpose", "MaxPool"), 0.0, "constant", True),
        (("Pad", "Transpose", "Conv"), 0.0, "constant", False),
        (("Pad", "Conv"), 0.0, "constant", False),
        (("Pad", "Relu", "MaxPool"), 0.0, "constant", False),
        (("Pad", "MaxPool"), 1.0, "constant", False),
        (("Pad", "MaxPool"), 0.0, "reflect", False),
    ],
)
def test_only_zeros_before_max_pooling_change(
    kinds: tuple[str, ...], value: float | None, mode: str, kept: bool
) -> None:
    graph = _graph(*kinds, value=value, mode=mode)

    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}

    keep_zero_padding(graph, arrays)

    added = [name for name in arrays if name not in {"pads", "value"}]
    assert bool(added) == kept
    assert list(graph.node[0].input[2:]) == (added or ["value"][: value is not None])
