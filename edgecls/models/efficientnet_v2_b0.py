"""EfficientNetV2-B0: the most accurate of the small networks, for a little more time."""

from functools import partial

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import as_rgb, scale_each_color

__all__ = ["efficientnet_v2_b0"]

APPLICATION = partial(keras.applications.EfficientNetV2B0, include_preprocessing=False)

# Of ImageNet's red, green and blue, in steps of a pixel's value.
MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@register_model(
    "efficientnet_v2_b0",
    head=Head("average", dropout=0.2),
    min_side=32,
    default_side=224,
    parameters=5_919_312,
    source="Tan and Le 2021, arXiv:2104.00298",
    application=APPLICATION,
)
def efficientnet_v2_b0(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build EfficientNetV2-B0 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 1280]``, rounded up.

    Source:
        Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021, arXiv:2104.00298,
        as built and scaled by keras.applications. Differs from it: a grey image becomes a colour
        image in the first layer.
    """
    scaled = scale_each_color(as_rgb(images), mean=MEAN_RGB, deviation=DEVIATION_RGB)
    return application_map(APPLICATION, scaled)
