"""MobileNetV3-Small: the fastest of the networks with ImageNet weights."""

from functools import partial

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import scale_alike

__all__ = ["mobilenet_v3_small"]

APPLICATION = partial(keras.applications.MobileNetV3Small, include_preprocessing=False)


@register_model(
    "mobilenet_v3_small",
    head=Head("average", dropout=0.2),
    min_side=32,
    default_side=224,
    parameters=939_120,
    source="Howard et al. 2019, arXiv:1905.02244",
    application=APPLICATION,
)
def mobilenet_v3_small(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build MobileNetV3-Small up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 576]``, rounded up.

    Source:
        Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, table 2, as built by
        keras.applications. Differs from it: without the dense layer of 1024 after pooling, for which
        Keras's weights without top have nothing; hidden_units=1024 puts one there.
    """
    return application_map(APPLICATION, scale_alike(images))
