"""Building a network by name, untrained or with pretrained weights. Importing this registers every architecture."""

import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, ImageSpec
from edgecls.models import efficientnet_lite, gray_cnn, keras_applications, resnet18, simple_cnn  # these register
from edgecls.models.architecture import Architecture, architecture_names, features_model, get_architecture
from edgecls.models.heads import HEAD_PREFIX, Head, attach_head, fold_temperature, head_names
from edgecls.models.pretrained.torch_file import read_torch_file
from edgecls.models.pretrained.torch_weights import take_torch_weights

__all__ = [
    "HEAD_PREFIX",
    "IMAGENET",
    "NO_WEIGHTS",
    "Architecture",
    "Head",
    "architecture_names",
    "build_model",
    "fold_temperature",
    "get_architecture",
    "head_names",
]

del efficientnet_lite, gray_cnn, keras_applications, resnet18, simple_cnn

NO_WEIGHTS = "none"
IMAGENET = "imagenet"


def build_model(
    name: str,
    *,
    num_classes: int,
    spec: ImageSpec,
    weights: str = NO_WEIGHTS,
    head: str | None = None,
    dropout: float | None = None,
    hidden_units: int | None = None,
) -> keras.Model:
    """Build a classifier that takes raw pixels.

    Args:
        name: An architecture of the registry.
        num_classes: Number of labels, at least 2.
        spec: Its input image.
        weights: "none" for random ones; "imagenet" for those that Keras downloads; or the path of a weights
            file (.weights.h5 or .keras) of the same architecture, for any labels and with any head, which
            is not loaded. For grey images, weights of a colour network are converted so that the grey
            network gives the same results as the colour network.
        head: The head, one of `head_names()`; None for the default of the architecture, as with the two below.
        dropout: Dropout rate, 0 to below 1.
        hidden_units: Width of a dense layer before the classification; 0 for none.

    Returns:
        An uncompiled model with one input and one output:
        "image": uint8, shape ``(N, *spec.shape_hwc)``.
        "probabilities": float32, shape ``(N, num_classes)``, each row sums to 1.

    Raises:
        ModelConfigError: An argument is outside its limits, or the weights do not fit.
    """
    architecture = get_architecture(name)
    chosen = architecture.head.changed(name=head, dropout=dropout, hidden_units=hidden_units)
    features = features_model(architecture, spec)
    if weights == IMAGENET:
        _load_imagenet(features, architecture, spec)
    elif weights != NO_WEIGHTS:
        _load_file(features, architecture, spec, Path(weights))
    return attach_head(features, chosen, num_classes=num_classes, name=name)


def _load_imagenet(features: keras.Model, architecture: Architecture, spec: ImageSpec) -> None:
    if architecture.package is not None:
        path = architecture.package.checked()
        _take_in_color(features, architecture, spec, lambda network: _load_torch(network, architecture, path))
        return
    if architecture.published is None:
        raise ModelConfigError(
            f"there are no ImageNet weights for {architecture.name}; use --weights none, or another architecture"
        )
    try:
        donor = architecture.published(IMAGENET)
    except Exception as error:  # keras.utils.get_file raises a plain Exception when it cannot download
        raise ModelConfigError(
            f"cannot get the ImageNet weights of {architecture.name}: {error}; "
            "connect to the internet once, or give the path of a weights file"
        ) from error
    _copy_weights(donor, features)


def _load_torch(features: keras.Model, architecture: Architecture, path: Path) -> None:
    if architecture.torch_name is None:
        raise ModelConfigError(f"{architecture.name} does not take weights of PyTorch")
    tensors = read_torch_file(path)
    take_torch_weights(features, tensors, architecture.torch_name, head=architecture.torch_head, source=repr(str(path)))


def _take_in_color(
    features: keras.Model, architecture: Architecture, spec: ImageSpec, take: Callable[[keras.Model], None]
) -> None:
    """Give weights of colour images to a network; to one for grey images through a network for colour ones."""
    if spec.color is Color.RGB:
        take(features)
        return
    donor = features_model(architecture, replace(spec, color=Color.RGB))
    take(donor)
    _copy_weights(donor, features)


def _load_file(features: keras.Model, architecture: Architecture, spec: ImageSpec, path: Path) -> None:
    if not path.is_file():
        raise ModelConfigError(
            f"there is no weights file {str(path)!r}; give {NO_WEIGHTS!r}, {IMAGENET!r} or the path of a file"
        )
    try:
        _load_weights(features, architecture, path)
    except ModelConfigError:
        if spec.color is Color.RGB:
            raise
        donor = features_model(architecture, replace(spec, color=Color.RGB))
        _load_weights(donor, architecture, path)
        _copy_weights(donor, features)


def _load_weights(features: keras.Model, architecture: Architecture, path: Path) -> None:
    """Load all weights of a network; Keras only warns if some are missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            features.load_weights(path)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile, UserWarning) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelConfigError(
            f"the weights file {str(path)!r} does not fit {architecture.name}: {reason}; "
            "give a .weights.h5 or .keras file of the same architecture"
        ) from error


def _copy_weights(donor: keras.Model, features: keras.Model) -> None:
    """Copy all weights; if the first kernel takes grey images, sum it over the colours."""
    taken = []
    for given, own in zip(donor.get_weights(), features.get_weights(), strict=True):
        if given.shape != own.shape and own.ndim == 4 and own.shape[2] == 1:
            given = given.sum(axis=2, keepdims=True)
        taken.append(given)
    features.set_weights(taken)
