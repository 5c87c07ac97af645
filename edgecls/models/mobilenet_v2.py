"""MobileNetV2: the usual choice for small machines."""

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import scale_alike

__all__ = ["mobilenet_v2"]


@register_model(
    "mobilenet_v2",
    head=Head("average", dropout=0.2),
    min_side=32,
    default_side=224,
    parameters=2_257_984,
    source="Sandler et al. 2018, arXiv:1801.04381",
    application=keras.applications.MobileNetV2,
)
def mobilenet_v2(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build MobileNetV2 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 1280]``, rounded up.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
        arXiv:1801.04381, table 2, as built by keras.applications.
    """
    return application_map(keras.applications.MobileNetV2, scale_alike(images))
