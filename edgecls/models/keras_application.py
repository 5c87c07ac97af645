"""Backbones that keras.applications builds, made to fit the frame of edgecls."""

import re
from collections import Counter
from collections.abc import Callable

import keras

__all__ = ["Application", "application_map", "published_network"]

Application = Callable[..., keras.Model]
"""A function of keras.applications."""

PUBLISHED_SHAPE = (224, 224, 3)  # a size for which Keras publishes weights of every network here

NORM_MOMENTUM = 0.9
"""Of running means in batch normalisation. Keras has 0.99 to 0.9997, for runs of a hundred thousand steps."""


def application_map(application: Application, scaled: keras.KerasTensor) -> keras.KerasTensor:
    """Build an untrained backbone on scaled images and return its feature map.

    Differs from keras.applications in the momentum of batch normalisation, which only training
    from scratch notices, and in that layers are named alike however many networks were built before.

    Args:
        application: Builds the backbone.
        scaled: float, ``[N, H, W, C]``.

    Returns:
        float, ``[N, h, w, C']``.
    """
    backbone = application(input_tensor=scaled, input_shape=scaled.shape[1:], include_top=False, weights=None)
    _name_stably(backbone)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = NORM_MOMENTUM
    return backbone.output


def published_network(application: Application, weights: str | None) -> keras.Model:
    """Return the backbone in colour as Keras publishes it; weights "imagenet" are downloaded, None are random."""
    return application(input_shape=PUBLISHED_SHAPE, include_top=False, weights=weights)


def _name_stably(backbone: keras.Model) -> None:
    """Count the names that Keras makes up ("add", "add_1"...) from the start of this network, not of the process."""
    count: Counter[str] = Counter()
    for operation in backbone.operations:
        stem = re.sub(r"_\d+$", "", operation.name)
        if stem.replace("_", "") == type(operation).__name__.lower():
            operation.name = f"{stem}_{count[stem]}" if count[stem] else stem
            count[stem] += 1
