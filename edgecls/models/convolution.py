"""The step that the networks of our own are made of: a convolution without a bias, then batch normalisation."""

import keras

__all__ = ["NORM_MOMENTUM", "convolved", "normalised"]

NORM_MOMENTUM = 0.9  # as the code of the ResNet paper; Keras's 0.99 does not settle within a short run


def convolved(x: keras.KerasTensor, filters: int, size: int, strides: int, name: str) -> keras.KerasTensor:
    """Convolve with square kernels, padded as Keras's "same", and normalise.

    Args:
        x: float32, ``[N, H, W, C]``.
        filters: Number of channels of the result.
        size: Side of the kernels.
        strides: In both directions.
        name: Beginning of the names of the layers.

    Returns:
        float32, ``[N, H/strides, W/strides, filters]``, rounded up.
    """
    x = keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return normalised(x, name)


def normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Normalise each channel by its statistics in the batch, and in use by their moving averages."""
    return keras.layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
