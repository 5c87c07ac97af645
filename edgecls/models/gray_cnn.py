"""Two convolutions and a dense layer, for small grey images: digits, letters, signs."""

import keras

from edgecls.image_spec import Color
from edgecls.models.architecture import register_model
from edgecls.models.heads import Head
from edgecls.models.scaling import scale_alike

__all__ = ["gray_cnn"]

FILTERS = (32, 64)


@register_model(
    "gray_cnn",
    head=Head("flatten", dropout=0.5, hidden_units=128),
    min_side=8,
    default_side=48,
    parameters=19_392,
    source="after the Keras convnet example for MNIST",
    color=Color.GRAY,
)
def gray_cnn(images: keras.KerasTensor) -> keras.KerasTensor:
    """Build two 3x3 convolutions with ReLU, and 2x2 max pooling.

    Its own head flattens the map, so that its weights grow with the image's area: 4 million at
    48 pixels, 30 million at 128, where head="average" or another architecture is the better choice.

    Args:
        images: uint8, ``[N, H, W, C]``, H and W at least 8, C 1 or 3.

    Returns:
        float32, ``[N, H/2 - 2, W/2 - 2, 64]``, rounded down.

    Source:
        After the convolutional network of the Keras example for MNIST.
    """
    x = scale_alike(images)
    for number, filters in enumerate(FILTERS, start=1):
        x = keras.layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}")(x)
    return keras.layers.MaxPooling2D(name="pool")(x)
