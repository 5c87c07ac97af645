"""Giving a Keras network the weights of the same network in PyTorch."""

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ModelConfigError
from edgecls.models.pretrained.torch_file import Tensors

__all__ = ["TorchNames", "take_torch_weights"]

TorchNames = Callable[[str], str]
"""Returns the name of a module in PyTorch by that of the Keras layer: "_blocks.0._bn1" for "block0_depthwise_norm"."""

MAX_LISTED = 8

_KERNEL_AXES = (2, 3, 1, 0)  # PyTorch: out, in, height, width
_DEPTHWISE_AXES = (2, 3, 0, 1)  # PyTorch: channel, 1, height, width
_NORM = ("weight", "bias", "running_mean", "running_var")  # in the order of Keras: gamma, beta, mean, variance


def take_torch_weights(
    features: keras.Model, tensors: Tensors, names: TorchNames, *, head: tuple[str, ...], source: str
) -> None:
    """Set all weights of a network up to its feature map.

    Args:
        features: The network; of its layers, convolutions and batch normalisation may have weights.
        tensors: The weights by the names of PyTorch.
        names: Its names for the layers.
        head: Beginnings of the names of tensors that are not taken, as they belong to the labels.
        source: Where they come from, for messages.

    Raises:
        ModelConfigError: A tensor is missing, has another shape, or is none of this network; all of them are listed.
    """
    faults = []
    taken: list[tuple[keras.layers.Layer, list[npt.NDArray[np.float32]]]] = []
    rest = {name for name in tensors if not name.endswith("num_batches_tracked") and not name.startswith(head)}
    for layer in features.layers:
        if not layer.weights:
            continue
        arrays = []
        for name, axes, weight in _wanted(layer, names(layer.name)):
            rest.discard(name)
            array = tensors.get(name)
            if array is None:
                faults.append(f"{name} is missing")
                continue
            if axes:
                array = array.transpose(axes) if array.ndim == len(axes) else array
            shape = tuple(weight.shape)
            if array.shape != shape:
                found, wanted = _torch_shape(array.shape, axes), _torch_shape(shape, axes)
                faults.append(f"{name} has shape {found}, not {wanted}")
                continue
            arrays.append(np.ascontiguousarray(array, np.float32))
        taken.append((layer, arrays))
    faults += [f"{name} is unknown" for name in sorted(rest)]
    if faults:
        more = f", and {len(faults) - MAX_LISTED} more" if len(faults) > MAX_LISTED else ""
        raise ModelConfigError(
            f"the weights of {source} do not fit {features.name}: {', '.join(faults[:MAX_LISTED])}{more}"
        )
    for layer, arrays in taken:
        layer.set_weights(arrays)


def _wanted(layer: keras.layers.Layer, name: str) -> list[tuple[str, tuple[int, ...], keras.Variable]]:
    """Return what a layer takes: names of tensors, the order of their axes in Keras, and its own weights."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return [(f"{name}.{part}", (), weight) for part, weight in zip(_NORM, layer.weights, strict=True)]
    axes = _DEPTHWISE_AXES if isinstance(layer, keras.layers.DepthwiseConv2D) else _KERNEL_AXES
    return [(f"{name}.weight", axes, layer.kernel)]


def _torch_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape before the axes were put in the order of Keras."""
    if len(shape) != len(axes):
        return shape
    return tuple(shape[axes.index(axis)] for axis in range(len(axes)))
