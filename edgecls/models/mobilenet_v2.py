"""MobileNetV2: the usual choice for small machines."""

import keras

from edgecls.models.registry import register_model

__all__ = ["mobilenet_v2"]

DROPOUT = 0.2


def _imagenet() -> keras.Model:
    return keras.applications.MobileNetV2(input_shape=(224, 224, 3), include_top=False, weights="imagenet")


@register_model("mobilenet_v2", min_side=32, default_side=224, imagenet=_imagenet)
def mobilenet_v2(pictures: keras.KerasTensor) -> keras.KerasTensor:
    """Build MobileNetV2 up to its 1280 features.

    Args:
        pictures: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, 1280]``: the last feature map, averaged over the picture.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
        arXiv:1801.04381, table 2, as built by keras.applications. Differs from it: scaling to
        [-1, 1] is the first layer, and dropout of 0.2 precedes the classification.
    """
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(pictures)
    backbone = keras.applications.MobileNetV2(
        input_tensor=scaled, input_shape=scaled.shape[1:], include_top=False, weights=None
    )
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(backbone.output)
    return keras.layers.Dropout(DROPOUT, name="dropout")(pooled)
