"""The same network in other number types: float32 for its export, float64 to tell rounding from a difference."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgecls.export.parity import Network

__all__ = ["float64_network", "in_float32"]

_FLOATS = {"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"}
_POLICIES = {"DTypePolicy", "FloatDTypePolicy", "Policy"}  # as Keras 3 and Keras 2 name them
_UNCHANGEABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError, NotImplementedError)


def _other_types(model: keras.Model) -> set[str]:
    """Return the number types other than float32 that layers of a network compute or keep weights in."""
    layers = model._flatten_layers(include_self=False)
    types = {kind for layer in layers for kind in (layer.compute_dtype, layer.variable_dtype)}
    return {kind for kind in types if kind in _FLOATS and kind != "float32"}


def in_float32(model: keras.Model) -> keras.Model:
    """Return a network of the same weights that computes in float32, as does every model file before `quantize`.

    onnxruntime has no convolutions in bfloat16 or float64 for a CPU, and slow ones in float16.

    Returns:
        The network itself, if it computes in float32 already or cannot be rebuilt from its configuration.
    """
    if not _other_types(model):
        return model
    return _rebuilt(model, "float32") or model


def float64_network(model: keras.Model) -> Network:
    """Return a network as a function that computes in float64: what its answers are but for rounding.

    It is built when it is first called, for it takes twice the memory of the weights.

    Raises:
        NotImplementedError: On a call; the network cannot be rebuilt from its configuration.
    """
    built: list[keras.Model] = []

    def answer(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        if not built:
            exact = _rebuilt(model, "float64")
            if exact is None:
                raise NotImplementedError(f"{model.name!r} cannot be computed in float64")
            built.append(exact)
        return np.asarray(keras.ops.convert_to_numpy(built[0](batch, training=False)), np.float32)

    return answer


def _rebuilt(model: keras.Model, kind: str) -> keras.Model | None:
    """Return a network of the same layers and weights in another type of numbers, or None if that is not possible."""
    try:
        config = _with_floats(keras.saving.serialize_keras_object(model), kind)
        # It is a live network and not one from a file, so that code within it is the caller's own.
        classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
        other = keras.saving.deserialize_keras_object(config, custom_objects=classes, safe_mode=False)
        for ours, theirs in zip(other.variables, model.variables, strict=True):
            ours.assign(keras.ops.cast(theirs.value, ours.dtype))
    except _UNCHANGEABLE:
        return None
    return other


def _with_floats(config: Any, kind: str) -> Any:
    """Return a configuration of Keras with every type of floating-point numbers put in place of its own."""
    if isinstance(config, list | tuple):
        return [_with_floats(value, kind) for value in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") in _POLICIES:
        return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": kind}, "registered_name": None}
    return {
        key: kind if key == "dtype" and isinstance(value, str) and value in _FLOATS else _with_floats(value, kind)
        for key, value in config.items()
    }
