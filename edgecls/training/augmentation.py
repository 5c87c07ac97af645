"""Showing a network every image a little differently in each epoch."""

import keras

from edgecls.training.config import Augmentation

__all__ = ["augmenting"]


def augmenting(network: keras.Model, amounts: Augmentation | None, *, seed: int) -> keras.Model:
    """Return a network for training that augments its images before `network` sees them.

    The two share their weights. Augmentation runs in the training step only, and gives uint8
    images again, so that `network` sees what it will see in use.

    Args:
        network: Takes uint8 images, ``[N, H, W, C]``.
        amounts: How much is changed; None to show the images as they are.
        seed: Of the random amounts.
    """
    images = keras.Input(shape=network.input_shape[1:], dtype="uint8", name="image")
    x = images if amounts is None else _augmented(images, amounts, seed)
    return keras.Model(images, network(x))


def _augmented(images: keras.KerasTensor, amounts: Augmentation, seed: int) -> keras.KerasTensor:
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
    x = images
    for step in steps:
        x = step(x)
    return x
