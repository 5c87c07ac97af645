"""Layers and activations as people use them: each becomes ONNX operators that compute the same."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers

from edgecls.export.from_keras.convert import keras_to_onnx

SIDE = 24
CHANNELS = 8


class TimesConstant(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies by an array that it made when it was built, which TensorFlow captures."""

    def __init__(self) -> None:
        super().__init__()
        self.values = keras.ops.convert_to_tensor(np.linspace(0.5, 1.5, CHANNELS, dtype=np.float32))

    def call(self, images: Any) -> Any:
        return images * self.values


def _network(*inner: Callable[[Any], Any]) -> keras.Model:
    """Build a network of raw pixels whose middle is given, and which is sure of its answers."""
    keras.utils.set_random_seed(11)
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    rest = layers.Conv2D(CHANNELS, 3, bias_initializer="random_normal")(layers.Rescaling(1 / 64, -2.0)(images))
    for layer in inner:
        rest = layer(rest)
    if len(rest.shape) > 2:
        rest = layers.Flatten()(rest)
    rest = layers.LayerNormalization()(rest)
    return keras.Model(images, layers.Dense(3, activation="softmax", kernel_initializer="orthogonal")(rest))


def _largest_difference(network: keras.Model) -> float:
    converted = onnxruntime.InferenceSession(keras_to_onnx(network), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in converted.get_inputs()] == ["image"]
    batch = np.random.default_rng(0).integers(0, 256, (3, *network.inputs[0].shape[1:]), dtype=np.uint8)
    (found,) = converted.run(None, {"image": batch})
    return float(np.abs(found - network.predict(batch, verbose=0)).max())


ACTIVATIONS = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu"),
    *("log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax"),
    *("softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh", "tanh_shrink"),
)


def test_every_activation_of_keras_converts() -> None:
    network = _network(*(layers.Activation(name) for name in ACTIVATIONS if name != "exponential"))
    assert _largest_difference(network) < 1e-5
    assert _largest_difference(_network(layers.Activation("exponential"))) < 1e-5


@pytest.mark.parametrize("name", ["celu", "gelu", "mish", "silu", "hard_silu"])
def test_an_activation_alone_computes_the_same(name: str) -> None:
    assert _largest_difference(_network(layers.Activation(name))) < 1e-5


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param([lambda: layers.Conv2D(16, 3, groups=4, padding="same"), layers.BatchNormalization], id="groups"),
        pytest.param([lambda: layers.Conv2D(CHANNELS, 7, groups=CHANNELS, padding="same")], id="depthwise-by-groups"),
        pytest.param([lambda: layers.Conv2D(16, 3, groups=2, strides=2), layers.ReLU], id="groups-and-strides"),
        pytest.param([lambda: layers.Conv2D(16, 3, groups=2, dilation_rate=2)], id="groups-and-dilation"),
        pytest.param([lambda: layers.Reshape((-1, CHANNELS)), lambda: layers.Conv1D(8, 3, groups=2)], id="groups-1d"),
        pytest.param([lambda: layers.SeparableConv2D(16, 3, depth_multiplier=2)], id="separable"),
        pytest.param(
            [lambda: layers.Normalization(mean=list(range(CHANNELS)), variance=[2.0] * CHANNELS)], id="normalization"
        ),
        pytest.param([TimesConstant], id="array"),
        pytest.param([lambda: layers.GroupNormalization(4), layers.UnitNormalization], id="norms"),
        pytest.param([lambda: layers.SpectralNormalization(layers.Conv2D(8, 3))], id="spectral"),
        pytest.param([lambda: layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")], id="prelu"),
        pytest.param([lambda: layers.CenterCrop(16, 12)], id="centre-crop"),
        pytest.param([lambda: layers.Resizing(15, 13)], id="resizing"),
        pytest.param([lambda: layers.Resizing(15, 13, antialias=True)], id="resizing-antialias"),
        pytest.param([lambda: layers.Resizing(15, 33, interpolation="area")], id="resizing-area"),
        pytest.param([lambda: layers.Resizing(15, 33, interpolation="lanczos5")], id="resizing-lanczos"),
        pytest.param([lambda: layers.Resizing(15, 33, crop_to_aspect_ratio=True)], id="resizing-and-cropping"),
        pytest.param([lambda: layers.Resizing(15, 33, pad_to_aspect_ratio=True)], id="resizing-and-padding"),
        pytest.param([lambda: layers.Conv2DTranspose(4, 3, 2, "same", output_padding=1)], id="output-padding-same"),
        pytest.param([lambda: layers.Conv2DTranspose(4, 3, 2, output_padding=1)], id="output-padding-valid"),
        pytest.param([lambda: layers.Conv2DTranspose(4, 2, 3, "same")], id="stride-over-kernel-same"),
        pytest.param([lambda: layers.Conv2DTranspose(4, 2, 3)], id="stride-over-kernel-valid"),
        pytest.param([lambda: layers.UpSampling2D(2, interpolation="bilinear")], id="upsampling"),
        pytest.param([lambda: layers.Discretization(bin_boundaries=[-0.5, 0.0, 0.5])], id="discretization"),
        pytest.param([lambda: layers.Activation(lambda x: keras.ops.log1p(keras.ops.abs(x)))], id="log1p"),
        pytest.param([layers.GlobalMaxPooling2D, lambda: layers.Dense(8, activation="gelu")], id="max-pooling"),
        pytest.param(
            [layers.RandomFlip, lambda: layers.RandomRotation(0.2), lambda: layers.RandomZoom(0.2)], id="augmentation"
        ),
    ],
)
def test_a_layer_computes_the_same(inner: list[Callable[[], Callable[[Any], Any]]]) -> None:
    assert _largest_difference(_network(*(make() for make in inner))) < 1e-5


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
def test_preprocess_input_inside_a_network_is_part_of_it(mode: str) -> None:
    keras.utils.set_random_seed(1)
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    pixels = layers.Rescaling(1.0)(images)
    pixels = keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode)
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(pixels))
    assert _largest_difference(keras.Model(images, layers.Dense(3, activation="softmax")(pooled))) < 1e-5


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resizing_raw_pixels_reaches_the_size(interpolation: str) -> None:
    keras.utils.set_random_seed(1)
    images = keras.Input((22, 22, 3), dtype="uint8")
    pixels = layers.Rescaling(1 / 255)(layers.Resizing(15, 13, interpolation=interpolation)(images))  # 13 / 22 is below
    network = keras.Model(images, layers.Dense(3, activation="softmax")(layers.Flatten()(pixels)))
    assert _largest_difference(network) < 1e-5


def test_attention_between_patches_computes_the_same() -> None:
    keras.utils.set_random_seed(1)
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    patches = layers.Reshape((16, 16))(layers.Conv2D(16, 6, strides=6)(layers.Rescaling(1 / 255)(images)))
    patches = patches + layers.Embedding(16, 16)(keras.ops.arange(16))
    normalised = layers.LayerNormalization()(patches)
    patches = layers.Add()([patches, layers.MultiHeadAttention(2, 8)(normalised, normalised)])
    pooled = layers.GlobalAveragePooling1D()(layers.Dense(16, activation="gelu")(patches))
    assert _largest_difference(keras.Model(images, layers.Dense(3, activation="softmax")(pooled))) < 1e-5


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: layers.Bidirectional(layers.LSTM(8)), id="lstm"),
        pytest.param(lambda: layers.GRU(8), id="gru"),
        pytest.param(lambda: layers.Bidirectional(layers.GRU(8, reset_after=False)), id="both-ways"),
        pytest.param(lambda: layers.SimpleRNN(8), id="simple-rnn"),
        pytest.param(lambda: layers.RNN([layers.GRUCell(4), layers.LSTMCell(4)]), id="stacked-cells"),
    ],
)
def test_a_recurrent_layer_over_the_rows_of_an_image_computes_the_same(layer: Callable[[], Any]) -> None:
    keras.utils.set_random_seed(1)
    images = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    rows = layers.Reshape((SIDE, SIDE * 3))(layers.Rescaling(1 / 255)(images))
    last = layer()(rows)
    assert _largest_difference(keras.Model(images, layers.Dense(3, activation="softmax")(last))) < 1e-5


def test_a_function_compiled_with_xla_is_put_where_it_is_called() -> None:
    @tf.function(jit_compile=True)
    def inner(images: Any) -> Any:
        return tf.nn.conv2d(images, tf.ones((1, 1, CHANNELS, 4)), 1, "SAME") * 2.0

    class Compiled(keras.layers.Layer):  # type: ignore[misc]
        def call(self, images: Any) -> Any:
            return inner(images)

    assert _largest_difference(_network(Compiled())) < 1e-5


def test_efficientnet_of_keras_applications_converts() -> None:
    keras.utils.set_random_seed(0)
    body = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=3)
    images = keras.Input((32, 32, 3), dtype="uint8")
    network = keras.Model(images, body(layers.Rescaling(1.0)(images)))
    converted = onnxruntime.InferenceSession(keras_to_onnx(network), providers=["CPUExecutionProvider"])
    batch = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    (found,) = converted.run(None, {"image": batch})
    np.testing.assert_allclose(found, network.predict(batch, verbose=0), atol=1e-5)
