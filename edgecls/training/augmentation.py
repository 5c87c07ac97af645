"""Showing a network every picture a little differently in each epoch."""

import keras

from edgecls.training.config import Augmentation

__all__ = ["augmenting"]


def augmenting(network: keras.Model, amounts: Augmentation | None, *, seed: int) -> keras.Model:
    """Return a network for training that augments its pictures before `network` sees them.

    The two share their weights. Augmentation runs in the training step only, and gives uint8
    pictures again, so that `network` sees what it will see in use.

    Args:
        network: Takes uint8 pictures, ``[N, H, W, C]``.
        amounts: How much is changed; None to show the pictures as they are.
        seed: Of the random amounts.
    """
    pictures = keras.Input(shape=network.input_shape[1:], dtype="uint8", name="image")
    x = pictures if amounts is None else _augmented(pictures, amounts, seed)
    return keras.Model(pictures, network(x))


def _augmented(pictures: keras.KerasTensor, amounts: Augmentation, seed: int) -> keras.KerasTensor:
    layers = keras.layers
    steps = [layers.Rescaling(1.0, name="as_float", dtype="float32")]
    if amounts.flip:
        steps.append(layers.RandomFlip("horizontal", seed=seed, dtype="float32"))
    geometry = {"fill_mode": "nearest", "dtype": "float32"}
    if amounts.rotation:
        steps.append(layers.RandomRotation(amounts.rotation / 360, seed=seed + 1, **geometry))
    if amounts.shift:
        steps.append(layers.RandomTranslation(amounts.shift, amounts.shift, seed=seed + 2, **geometry))
    if amounts.zoom:
        steps.append(layers.RandomZoom(amounts.zoom, seed=seed + 3, **geometry))
    values = {"value_range": (0, 255), "dtype": "float32"}
    if amounts.brightness:
        steps.append(layers.RandomBrightness(amounts.brightness, seed=seed + 4, **values))
    if amounts.contrast:
        steps.append(layers.RandomContrast(amounts.contrast, seed=seed + 5, **values))
    x = pictures
    for step in steps:
        x = step(x)
    return x
