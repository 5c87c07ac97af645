"""Giving a Keras network the weights of the same network in PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ModelConfigError
from edgecls.extras import import_from_extra
from edgecls.models.pretrained.torch_file import Tensors, read_torch_file
from edgecls.regular_file import open_regular

__all__ = ["TENSOR_SUFFIXES", "TorchLayout", "read_tensors", "take_tensors"]

SAFETENSORS = ".safetensors"
TENSOR_SUFFIXES = (SAFETENSORS, ".pth", ".pt", ".bin", ".tar")
"""Endings of the files that `read_tensors` reads: the last two are pytorch_model.bin and checkpoint.pth.tar."""

MAX_LISTED = 8

_KERNEL_AXES = (2, 3, 1, 0)  # PyTorch: out, in, height, width
_DEPTHWISE_AXES = (2, 3, 0, 1)  # PyTorch: channel, 1, height, width
_NORM = ("weight", "bias", "running_mean", "running_var")  # in the order of Keras: gamma, beta, mean, variance


@dataclass(frozen=True)
class TorchLayout:
    """How the weights of an architecture are named in PyTorch.

    Attributes:
        module: Returns the name of a module by that of the Keras layer, as "_blocks.0._bn1" for
            "block0_depthwise_norm".
        head: Beginnings of the names that belong to the labels.
        variant: The variant of the network that such weights are for; None for the usual one.
        told_by: Names of layers of which the variant has one, and the usual network none.
    """

    module: Callable[[str], str]
    head: tuple[str, ...]
    variant: str | None = None
    told_by: frozenset[str] = frozenset()


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of a .safetensors file or one of torch.save.

    Raises:
        ModelConfigError: The file cannot be read, is damaged, or has anything but tensors in it.
        MissingExtraError: The package safetensors is not installed.
    """
    if path.suffix.lower() != SAFETENSORS:
        return read_torch_file(path)
    safetensors = import_from_extra("safetensors", extra="weights", purpose=f"reading {path.name}")
    try:
        open_regular(path).close()
        with safetensors.safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
    except (safetensors.SafetensorError, TypeError) as error:  # a TypeError for a number format that numpy lacks
        raise ModelConfigError(f"cannot take weights from {str(path)!r}: {error}") from error
    except OSError as error:
        raise ModelConfigError(f"cannot read weights file {str(path)!r}: {error.strerror or error}") from error


def take_tensors(features: keras.Model, tensors: Tensors, layout: TorchLayout, *, source: str, name: str) -> None:
    """Set all weights of a network up to its feature map.

    Args:
        features: The network; of its layers, convolutions and batch normalisation may have weights.
        tensors: The weights by their names in PyTorch.
        layout: The names of the layers there.
        source: The file they come from, for messages.
        name: The architecture, for messages.

    Raises:
        ModelConfigError: A tensor is missing, has another shape or no finite numbers, or is none of this network; they
            are listed. The network is then unchanged.
    """
    missing, other_shape, not_finite = [], [], []
    taken: list[tuple[keras.layers.Layer, list[npt.NDArray[np.float32]]]] = []
    rest = {key for key in tensors if not key.endswith("num_batches_tracked") and not key.startswith(layout.head)}
    for layer in features.layers:
        if not layer.weights:
            continue
        arrays = []
        for key, axes, weight in _wanted(layer, layout.module(layer.name)):
            rest.discard(key)
            array = tensors.get(key)
            shape = tuple(weight.shape)
            if array is None:
                missing.append(key)
            elif array.ndim != len(shape) or _in_order(array, axes).shape != shape:
                other_shape.append(f"{key} {_text(array.shape)} instead of {_text(_torch_shape(shape, axes))}")
            elif not np.isfinite(array).all():
                not_finite.append(key)
            else:
                arrays.append(np.ascontiguousarray(_in_order(array, axes), np.float32))
        taken.append((layer, arrays))
    faults = {"missing": missing, "unknown": sorted(rest), "of another shape": other_shape, "not finite": not_finite}
    if any(faults.values()):
        listed = "; ".join(f"{kind}: {_listed(names)}" for kind, names in faults.items() if names)
        raise ModelConfigError(
            f"the weights in {source!r} do not fit {name}. {listed}. "
            "Give a file of the same network, with the names that PyTorch gives its weights"
        )
    for layer, arrays in taken:
        layer.set_weights(arrays)


def _wanted(layer: keras.layers.Layer, module: str) -> list[tuple[str, tuple[int, ...], keras.Variable]]:
    """Return what a layer takes: names of tensors, the order of their axes in Keras, and its own weights."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [(f"{module}.{part}", (0,), weight) for part, weight in zip(_NORM, layer.weights, strict=True)]
    axes = _DEPTHWISE_AXES if isinstance(layer, keras.layers.DepthwiseConv2D) else _KERNEL_AXES
    return [(f"{module}.weight", axes, layer.kernel)]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _in_order(array: npt.NDArray[np.generic], axes: tuple[int, ...]) -> npt.NDArray[np.generic]:
    return array.transpose(axes)


def _torch_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape before the axes were put in the order of Keras."""
    return tuple(shape[axes.index(axis)] for axis in range(len(axes)))
