"""Showing a network every picture a little differently in each epoch."""

import keras

__all__ = ["augmenting"]

ROTATION = 20 / 360  # of a full turn, to either side
SHIFT = 0.1  # of a side, in either direction
ZOOM = 0.2  # in or out
BRIGHTNESS = 0.15  # of the range of values, up or down
CONTRAST = 0.2


def augmenting(network: keras.Model, *, seed: int) -> keras.Model:
    """Return a network for training that augments its pictures before `network` sees them.

    The two share their weights. Augmentation runs in the training step only, and gives uint8
    pictures again, so that `network` sees what it will see in use.

    Args:
        network: Takes uint8 pictures, ``[N, H, W, C]``.
        seed: Of the random amounts.
    """
    layers = keras.layers
    pictures = keras.Input(shape=network.input_shape[1:], dtype="uint8", name="image")
    x = layers.Rescaling(1.0, name="as_float")(pictures)
    x = layers.RandomFlip("horizontal", seed=seed)(x)
    x = layers.RandomRotation(ROTATION, fill_mode="nearest", seed=seed + 1)(x)
    x = layers.RandomTranslation(SHIFT, SHIFT, fill_mode="nearest", seed=seed + 2)(x)
    x = layers.RandomZoom(ZOOM, fill_mode="nearest", seed=seed + 3)(x)
    x = layers.RandomBrightness(BRIGHTNESS, value_range=(0, 255), seed=seed + 4)(x)
    x = layers.RandomContrast(CONTRAST, value_range=(0, 255), seed=seed + 5)(x)
    return keras.Model(pictures, network(x))
