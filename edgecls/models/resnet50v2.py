"""ResNet50V2: large and dependable, for machines that have the time."""

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import scale_alike

__all__ = ["resnet50v2"]


@register_model(
    "resnet50v2",
    head=Head("average", dropout=0.2),
    min_side=32,
    default_side=224,
    parameters=23_564_800,
    source="He et al. 2016, arXiv:1603.05027",
    application=keras.applications.ResNet50V2,
)
def resnet50v2(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build ResNet50V2 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 2048]``, rounded up.

    Source:
        He et al., "Identity Mappings in Deep Residual Networks", ECCV 2016, arXiv:1603.05027, with 50
        layers, as built by keras.applications.
    """
    return application_map(keras.applications.ResNet50V2, scale_alike(images))
