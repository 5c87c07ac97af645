"""ResNet18: eight residual blocks; the usual size for training from scratch on a few thousand images."""

import keras

from edgecls.models.architecture import register_model
from edgecls.models.convolution import convolved
from edgecls.models.heads import Head
from edgecls.models.scaling import scale_alike
from edgecls.models.torchvision_networks import torchvision_variant

__all__ = ["resnet18"]

FILTERS = (64, 128, 256, 512)  # of the four stages
BLOCKS = 2  # in each stage


@register_model(
    "resnet18",
    head=Head("average", dropout=0.2),
    min_side=32,
    default_side=224,
    parameters=11_186_112,
    source="He et al. 2015, arXiv:1512.03385",
    adapted=torchvision_variant,
)
def resnet18(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build ResNet18 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 512]``, rounded up.

    Source:
        He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385, table 1,
        with projection shortcuts where the size changes (option B) and the initial weights of He
        et al., arXiv:1502.01852. Differs from it: pixels are scaled to [-1, 1], and dropout of 0.2
        precedes the classification.
    """
    x = convolved(scale_alike(images), FILTERS[0], 7, 2, "stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, filters in enumerate(FILTERS, start=1):
        for block in range(1, BLOCKS + 1):
            shrinks = stage > 1 and block == 1
            x = _basic_block(x, filters, 2 if shrinks else 1, f"stage{stage}_block{block}")
    return x


def _basic_block(x: keras.KerasTensor, filters: int, strides: int, name: str) -> keras.KerasTensor:
    """Add two 3x3 convolutions to their input."""
    shortcut = x if strides == 1 else convolved(x, filters, 1, strides, f"{name}_shortcut")
    x = convolved(x, filters, 3, strides, f"{name}_first")
    x = keras.layers.ReLU(name=f"{name}_first_relu")(x)
    x = convolved(x, filters, 3, 1, f"{name}_second")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(name=f"{name}_relu")(x)
