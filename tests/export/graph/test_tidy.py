"""What is left in the graph of an exported network."""

from collections import Counter

import keras
import numpy as np
import onnx
import onnxruntime
import pytest

from edgecls.export.from_keras.convert import OPSET, keras_to_onnx
from edgecls.image_spec import ImageSpec
from edgecls.models import build_model


def _settled(network: keras.Model) -> keras.Model:
    """Give normalisation and biases values that cannot be left out unseen."""
    rng = np.random.default_rng(3)
    for variable in network.variables:
        if len(variable.shape) == 1:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return network


def _answers(onnx_bytes: bytes, batch: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": batch})
    return np.asarray(found)


@pytest.mark.parametrize(
    ("name", "convolutions", "nodes"),
    [("simple_cnn", 3, 24), ("mobilenet_v2", 52, 110)],
)
def test_nothing_needless_is_on_the_way(name: str, convolutions: int, nodes: int) -> None:
    side = 64
    network = _settled(build_model(name, num_classes=3, spec=ImageSpec(side, side)))

    converted = keras_to_onnx(network)

    model = onnx.load_from_string(converted)
    onnx.checker.check_model(model, full_check=True)
    counts = Counter(node.op_type for node in model.graph.node)
    assert counts["Identity"] == counts["BatchNormalization"] == counts["Reshape"] == counts["Shape"] == 0
    assert (counts["Conv"], counts["Cast"], counts["Transpose"]) == (convolutions, 1, 1)
    assert counts["Mul"] == 1  # the scale of the pixels; every other one is in a kernel
    assert len(model.graph.node) == nodes
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert {node.op_type for node in model.graph.node if set(node.input) <= _constants(model)} == set()
    batch = np.random.default_rng(1).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    np.testing.assert_allclose(_answers(converted, batch), network.predict(batch, verbose=0), atol=2e-5)


def _constants(model: onnx.ModelProto) -> set[str]:
    return {tensor.name for tensor in model.graph.initializer}


def test_flattening_needs_no_look_at_the_batch() -> None:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(5, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )

    converted = keras_to_onnx(network)

    kinds = Counter(node.op_type for node in onnx.load_from_string(converted).graph.node)
    assert kinds["Reshape"] == 1
    assert kinds["Shape"] == kinds["Gather"] == kinds["Slice"] == kinds["Concat"] == 0
    batch = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(_answers(converted, batch), network.predict(batch, verbose=0), atol=1e-5)


def test_a_kernel_with_two_users_is_not_scaled_for_both() -> None:
    images = keras.Input((8, 8, 3), dtype="uint8")
    scaled = keras.layers.Rescaling(1 / 255)(images)
    shared = keras.layers.Conv2D(4, 3, name="shared")
    first = keras.layers.BatchNormalization()(shared(scaled))
    second = shared(keras.layers.ReLU()(scaled - 0.5))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Concatenate()([first, second]))
    network = _settled(keras.Model(images, keras.layers.Dense(3, activation="softmax")(pooled)))

    converted = keras_to_onnx(network)

    batch = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(_answers(converted, batch), network.predict(batch, verbose=0), atol=1e-5)


def test_a_fault_of_an_optimiser_does_not_stop_the_conversion() -> None:
    # Untrained, its hard sigmoids stay additions of a single number, at which tf2onnx's Transpose optimiser stumbles.
    network = build_model("mobilenet_v3_small", num_classes=3, spec=ImageSpec(64, 64))

    converted = keras_to_onnx(network)

    batch = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(_answers(converted, batch), network.predict(batch, verbose=0), atol=1e-4)
