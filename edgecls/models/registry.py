"""The registry of architectures, and the frame that every network of edgecls has.

A network takes uint8 pictures as `edgecls.image` makes them, scales them itself, and ends in a
softmax. An architecture supplies what lies between: pixels to a vector of features.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import keras

from edgecls.errors import ModelConfigError
from edgecls.image_spec import ImageSpec
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = [
    "HEAD_PREFIX",
    "Architecture",
    "Features",
    "architecture_names",
    "assemble",
    "features_model",
    "get_architecture",
    "register_model",
]

HEAD_PREFIX = "head_"
"""Names of the layers that belong to one set of labels begin so; all others can be pretrained."""

Features = Callable[[keras.KerasTensor], keras.KerasTensor]
"""Builds a network from uint8 pictures, ``[N, H, W, C]``, to float features, ``[N, F]``."""


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry.

    Attributes:
        name: What users call it.
        features: Builds the network up to its feature vector.
        min_side: Smallest height and width in pixels.
        default_side: Height and width it was designed for.
        imagenet: Makes the same network in colour, of any size, with the ImageNet weights that Keras
            downloads; None if there are no such weights.
    """

    name: str
    features: Features
    min_side: int
    default_side: int
    imagenet: Callable[[], keras.Model] | None


_ARCHITECTURES: dict[str, Architecture] = {}


def register_model(
    name: str,
    *,
    min_side: int,
    default_side: int,
    imagenet: Callable[[], keras.Model] | None = None,
) -> Callable[[Features], Features]:
    """Enter the decorated function into the registry.

    Raises:
        ModelConfigError: The name is taken.
    """

    def register(features: Features) -> Features:
        if name in _ARCHITECTURES:
            raise ModelConfigError(f"there are two architectures named {name!r}; rename one")
        _ARCHITECTURES[name] = Architecture(name, features, min_side, default_side, imagenet)
        return features

    return register


def architecture_names() -> list[str]:
    """Return the names of all architectures, sorted."""
    return sorted(_ARCHITECTURES)


def get_architecture(name: str) -> Architecture:
    """Return an architecture by its name.

    Raises:
        ModelConfigError: There is none of that name; the message lists those there are.
    """
    if name in _ARCHITECTURES:
        return _ARCHITECTURES[name]
    near = difflib.get_close_matches(name, _ARCHITECTURES, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ModelConfigError(f"there is no architecture {name!r}; {hint}choose one of {', '.join(architecture_names())}")


def features_model(architecture: Architecture, spec: ImageSpec) -> keras.Model:
    """Build an untrained network from pictures to features.

    Returns:
        An uncompiled model; input uint8 ``[N, *spec.shape_hwc]``, output float32 ``[N, F]``.

    Raises:
        ModelConfigError: The picture is too small for the architecture.
    """
    if min(spec.height, spec.width) < architecture.min_side:
        raise ModelConfigError(
            f"{architecture.name} takes pictures of at least {architecture.min_side}x{architecture.min_side} pixels, "
            f"got {spec.width}x{spec.height}; give a larger image size"
        )
    pictures = keras.Input(shape=spec.shape_hwc, dtype="uint8", name=INPUT_NAME)
    return keras.Model(pictures, architecture.features(pictures))


def assemble(features: keras.Model, *, num_classes: int, name: str) -> keras.Model:
    """Put a classification head on a network of features.

    Args:
        features: As `features_model` builds it; shares its weights with the result.
        num_classes: Number of labels, at least 2.
        name: Name of the result.

    Returns:
        An uncompiled model; input "image" uint8 ``[N, H, W, C]``, output "probabilities" float32
        ``[N, num_classes]``, each row of which sums to 1.

    Raises:
        ModelConfigError: Fewer than two labels.
    """
    if num_classes < 2:
        raise ModelConfigError(f"a classifier needs at least 2 labels, got {num_classes}")
    logits = keras.layers.Dense(num_classes, name=HEAD_PREFIX + "logits")(features.output)
    probabilities = keras.layers.Activation("softmax", dtype="float32", name=OUTPUT_NAME)(logits)
    return keras.Model(features.input, probabilities, name=name)
