"""The registry of architectures, and the structure that all networks share.

A network takes uint8 images from `edgecls.image`, scales them itself, and ends in a softmax. An
architecture provides the layers from pixels to a feature map, and its default head
(`edgecls.models.heads`), which turns the map into labels.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, ImageSpec
from edgecls.modelfile import INPUT_NAME
from edgecls.models.classical import classical_names
from edgecls.models.heads import Head
from edgecls.models.pretrained.packages import WeightsPackage
from edgecls.models.pretrained.torch_weights import TorchLayout
from edgecls.models.registry import Registry

__all__ = ["Architecture", "FeatureMap", "architecture_names", "features_model", "get_architecture", "register_model"]

FeatureMap = Callable[[keras.KerasTensor], keras.KerasTensor]
"""Builds a network from uint8 images, ``[N, H, W, C]``, to a float feature map, ``[N, h, w, C']``."""


@dataclass(frozen=True)
class Architecture:
    """One entry of the registry.

    Attributes:
        name: Its name for users.
        feature_map: Builds the network without its head.
        head: Its default head.
        min_side: Smallest height and width in pixels.
        default_side: Height and width it was designed for.
        parameters: Number of weights up to the feature map, in colour, including those that are not trained.
        source: The publication it follows.
        color: The images it was designed for; it also takes the others.
        published: Builds its feature extractor as keras.applications publishes it, given weights ("imagenet" to
            download them, None for random ones); None where Keras publishes no weights.
        published_file: Name of the file that Keras downloads for that.
        package: The pip package that carries its ImageNet weights, if there is one.
        torch: How its weights are named in PyTorch, for those that come from there.
        variants: Further ways to build the network without its head, by name.
    """

    name: str
    feature_map: FeatureMap
    head: Head
    min_side: int
    default_side: int
    parameters: int
    source: str
    color: Color = Color.RGB
    published: Callable[[str | None], keras.Model] | None = None
    published_file: str = ""
    package: WeightsPackage | None = None
    torch: TorchLayout | None = None
    variants: Mapping[str, FeatureMap] = field(default_factory=dict)

    @property
    def weights(self) -> str:
        """Where its ImageNet weights are: "here" on this machine, in a "package", with "keras", or "none"."""
        if self.package is not None:
            return "here" if self.package.find() is not None else "package"
        if self.published is None:
            return "none"
        home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        return "here" if Path(home, "models", self.published_file).is_file() else "keras"

    @property
    def default_image(self) -> tuple[int, Color]:
        """Side and colour of the image it was designed for."""
        return self.default_side, self.color


ARCHITECTURES = Registry[Architecture]("architecture")


def register_model(
    name: str,
    *,
    head: Head,
    min_side: int,
    default_side: int,
    parameters: int,
    source: str,
    color: Color = Color.RGB,
    adapted: Callable[[Architecture], Architecture] | None = None,
) -> Callable[[FeatureMap], FeatureMap]:
    """Register the decorated function, with the attributes of `Architecture`, after a function has added to them.

    Raises:
        ModelConfigError: The name is taken.
    """

    def register(feature_map: FeatureMap) -> FeatureMap:
        made = Architecture(name, feature_map, head, min_side, default_side, parameters, source, color)
        ARCHITECTURES.add(name, made if adapted is None else adapted(made))
        return feature_map

    return register


def architecture_names() -> list[str]:
    """Return the names of all architectures, sorted."""
    return ARCHITECTURES.names()


def get_architecture(name: str) -> Architecture:
    """Return an architecture by its name.

    Raises:
        ModelConfigError: The name is unknown; the message lists the known ones.
    """
    if name in classical_names():
        raise ModelConfigError(
            f"{name!r} is a classical model, not a network; train it with edgecls train --arch {name}"
        )
    return ARCHITECTURES.get(name)


def features_model(architecture: Architecture, spec: ImageSpec, variant: str | None = None) -> keras.Model:
    """Build an untrained network from images to a feature map.

    Args:
        architecture: What to build.
        spec: Its input image.
        variant: One of its variants; None for the usual network.

    Returns:
        An uncompiled model; input uint8 ``[N, *spec.shape_hwc]``, output float ``[N, h, w, C']``.

    Raises:
        ModelConfigError: The image is too small for the architecture, or it has no such variant.
    """
    if variant is not None and variant not in architecture.variants:
        known = ", ".join(architecture.variants)
        raise ModelConfigError(
            f"{architecture.name} has no variant {variant!r}; {f'it has {known}' if known else 'it has none'}"
        )
    if min(spec.height, spec.width) < architecture.min_side:
        raise ModelConfigError(
            f"{architecture.name} takes images of at least {architecture.min_side}x{architecture.min_side} pixels, "
            f"got {spec.width}x{spec.height}; give a larger image size"
        )
    images = keras.Input(shape=spec.shape_hwc, dtype="uint8", name=INPUT_NAME)
    feature_map = architecture.feature_map if variant is None else architecture.variants[variant]
    return keras.Model(images, feature_map(images))
