"""VGG16: the plain network of the textbooks; large and slow for what it does."""

import keras

from edgecls.models.heads import Head
from edgecls.models.keras_application import application_map
from edgecls.models.registry import register_model
from edgecls.models.scaling import as_rgb, scale_each_color

__all__ = ["vgg16"]

MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet, in steps of a pixel's value
RGB_TO_BGR = (2, 1, 0)


@register_model(
    "vgg16",
    head=Head("average", dropout=0.5),
    min_side=32,
    default_side=224,
    parameters=14_714_688,
    source="Simonyan and Zisserman 2015, arXiv:1409.1556",
    application=keras.applications.VGG16,
)
def vgg16(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build VGG16 up to its feature map.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 32, C 3 or 1.

    Returns:
        float32, ``[N, H/32, W/32, 512]``, rounded down.

    Source:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        ICLR 2015, arXiv:1409.1556, configuration D, as built by keras.applications, with the scaling
        that its weights were trained with: blue before red, less the mean colour. Differs from it:
        averages the map where the paper has two dense layers of 4096, nine tenths of its weights;
        head="flatten" with hidden_units=4096 is nearest to them. A grey image becomes a colour
        image in the first layer.
    """
    blue_first = keras.ops.take(as_rgb(images), RGB_TO_BGR, axis=-1)
    return application_map(keras.applications.VGG16, scale_each_color(blue_first, mean=MEAN_BGR))
