"""Networks as PyTorch's torchvision builds them, for weights that were trained there.

Where a convolution halves the map, torchvision pads all sides alike, and Keras's "same" the right and the bottom more;
batch normalisation has another epsilon; ResNet50 halves in the 3x3 convolution of a block; all take pixels
that are standardised. With any of these wrong, weights load and the answers are somewhat worse, without an error.
Layers have the names of torchvision's modules, with underscores for dots.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import keras

from edgecls.models.architecture import Architecture, FeatureMap
from edgecls.models.convolution import NORM_MOMENTUM
from edgecls.models.pretrained.torch_weights import TorchLayout
from edgecls.models.scaling import standardize

__all__ = ["TORCHVISION", "torchvision_mobilenet_v2", "torchvision_resnet", "torchvision_variant"]

TORCHVISION = "torchvision"
NORM_EPSILON = 1e-5

RESNET_FILTERS = (64, 128, 256, 512)
BOTTLENECK_EXPANSION = 4
MOBILENET_STAGES = (  # expansion, filters, blocks, strides of the first
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
MOBILENET_STEM, MOBILENET_TOP = 32, 1280

_LAYOUT = TorchLayout(
    lambda layer: layer.replace("_", "."),
    head=("fc.", "classifier."),
    variant=TORCHVISION,
    told_by=frozenset({"conv1", "features_0_0"}),
)


def torchvision_resnet(images: keras.KerasTensor, *, blocks: tuple[int, ...], is_deep: bool) -> keras.KerasTensor:
    """Build a ResNet up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.
        blocks: Number of blocks in each of the four stages.
        is_deep: Whether a block has three convolutions, of which the first narrows its input, instead of two.

    Returns:
        float32, ``[N, H/32, W/32, 512 or 2048]``, rounded up.

    Source:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385, as torchvision has it.
    """
    x = _relu(_norm(_convolved(standardize(images), RESNET_FILTERS[0], 7, 2, "conv1"), "bn1"), "relu")
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)  # after ReLU, zeros are as good as minus infinity
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, (filters, count) in enumerate(zip(RESNET_FILTERS, blocks, strict=True), start=1):
        for block in range(count):
            strides = 2 if stage > 1 and block == 0 else 1
            x = (_deep_block if is_deep else _basic_block)(x, filters, strides, f"layer{stage}_{block}")
    return x


def _basic_block(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    entered = _shortcut(x, filters, strides, name)
    x = _relu(_norm(_convolved(x, filters, 3, strides, f"{name}_conv1"), f"{name}_bn1"), f"{name}_relu1")
    x = _norm(_convolved(x, filters, 3, 1, f"{name}_conv2"), f"{name}_bn2")
    return _relu(keras.layers.Add(name=f"{name}_add")([entered, x]), f"{name}_relu")


def _deep_block(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    widened = BOTTLENECK_EXPANSION * filters
    entered = _shortcut(x, widened, strides, name)
    x = _relu(_norm(_convolved(x, filters, 1, 1, f"{name}_conv1"), f"{name}_bn1"), f"{name}_relu1")
    x = _relu(_norm(_convolved(x, filters, 3, strides, f"{name}_conv2"), f"{name}_bn2"), f"{name}_relu2")
    x = _norm(_convolved(x, widened, 1, 1, f"{name}_conv3"), f"{name}_bn3")
    return _relu(keras.layers.Add(name=f"{name}_add")([entered, x]), f"{name}_relu")


def _shortcut(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Bring the input of a block to the shape of its output."""
    if strides == 1 and x.shape[-1] == filters:
        return x
    return _norm(_convolved(x, filters, 1, strides, f"{name}_downsample_0"), f"{name}_downsample_1")


def torchvision_mobilenet_v2(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build MobileNetV2 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 1280]``, rounded up.

    Source:
        Sandler et al., "MobileNetV2", CVPR 2018, arXiv:1801.04381, as torchvision has it.
    """
    x = _relu6(
        _norm(_convolved(standardize(images), MOBILENET_STEM, 3, 2, "features_0_0"), "features_0_1"), "features_0"
    )
    number = 1
    for expansion, filters, blocks, strides in MOBILENET_STAGES:
        for block in range(blocks):
            x = _inverted_block(x, expansion, filters, strides if block == 0 else 1, f"features_{number}")
            number += 1
    last = f"features_{number}"
    return _relu6(_norm(_convolved(x, MOBILENET_TOP, 1, 1, f"{last}_0"), f"{last}_1"), last)


def _inverted_block(x: keras.KerasTensor, expansion: int, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Widen, convolve each channel alone, narrow again; add the input where it has the shape of the output."""
    entered, part = x, 0
    if expansion > 1:
        widened = x.shape[-1] * expansion
        x = _norm(_convolved(x, widened, 1, 1, f"{name}_conv_0_0"), f"{name}_conv_0_1")
        x, part = _relu6(x, f"{name}_conv_0"), 1
    x = keras.layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_conv_{part}_0",
    )(_padded(x, 3, strides, f"{name}_conv_{part}_pad"))
    x = _relu6(_norm(x, f"{name}_conv_{part}_1"), f"{name}_conv_{part}")
    x = _norm(_convolved(x, filters, 1, 1, f"{name}_conv_{part + 1}"), f"{name}_conv_{part + 2}")
    if strides == 1 and entered.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([entered, x])
    return x


def _convolved(x: keras.KerasTensor, filters: int, size: int, strides: int, name: str) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(_padded(x, size, strides, f"{name}_pad"))


def _padded(x: keras.KerasTensor, size: int, strides: int, name: str) -> keras.KerasTensor:
    """Pad all sides by half the kernel, where "same" would not do so; with a stride of 1 it does."""
    return x if strides == 1 or size == 1 else keras.layers.ZeroPadding2D(size // 2, name=name)(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=name)(x)


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(name=name)(x)


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)


_NETWORKS: Mapping[str, FeatureMap] = {
    "mobilenet_v2": torchvision_mobilenet_v2,
    "resnet18": partial(torchvision_resnet, blocks=(2, 2, 2, 2), is_deep=False),
    "resnet50": partial(torchvision_resnet, blocks=(3, 4, 6, 3), is_deep=True),
}
"""By the names of the architectures."""


def torchvision_variant(architecture: Architecture) -> Architecture:
    """Return an architecture with the variant that weights of torchvision are for, where there is one."""
    if architecture.name not in _NETWORKS:
        return architecture
    return replace(architecture, torch=_LAYOUT, variants={TORCHVISION: _NETWORKS[architecture.name]})
