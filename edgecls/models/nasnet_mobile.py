"""NASNet-A (mobile): the network that a search found, with a head of three poolings."""

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import scale_alike

__all__ = ["nasnet_mobile"]


@register_model(
    "nasnet_mobile",
    head=Head("max_average_flatten", dropout=0.5),
    min_side=32,
    default_side=224,
    parameters=4_269_716,
    source="Zoph et al. 2018, arXiv:1707.07012",
    application=keras.applications.NASNetMobile,
)
def nasnet_mobile(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build NASNetMobile up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 1056]``, rounded up.

    Source:
        Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018,
        arXiv:1707.07012, NASNet-A (4 @ 1056), as built by keras.applications. Its own head joins
        global maximum, global average and the flattened map, and drops half of them out.
    """
    return application_map(keras.applications.NASNetMobile, scale_alike(images))
