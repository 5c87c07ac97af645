"""Exporting: convert, describe, prove, and only then hand out the model file."""

import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.from_keras.convert import keras_to_onnx
from edgecls.export.parity import MAX_DIFFERENCE, Network
from edgecls.export.proof import MAX_GOLDEN_SAMPLES, Export, golden_answers, prove
from edgecls.model_card import Golden, ModelCard

__all__ = [
    "MAX_GOLDEN_SAMPLES",
    "Export",
    "export_float32",
    "float64_network",
    "golden_from",
    "in_float32",
    "keras_network",
]

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


PACKAGES = ("keras", "tensorflow", "tf2onnx")  # that made the file


def export_float32(
    model: keras.Model,
    card: ModelCard,
    *,
    max_difference: float = MAX_DIFFERENCE,
) -> Export:
    """Turn a Keras classifier into a model file, in memory.

    A network that computes in float16 or bfloat16 is exported, and compared, as one of the same weights in float32.

    Args:
        model: One input, uint8 ``[N, H, W, C]`` as the card says; one output of probabilities.
        card: What the file will say about itself; the answers of its golden samples are computed anew.
        max_difference: Largest difference of any probability between Keras and onnxruntime.

    Raises:
        ParityError: The two differ by more, and not by rounding, or the outputs are no probabilities.
        ExportError: The network cannot be converted or its input is not what the card says.
    """
    _check_input(model, card)
    model = in_float32(model)
    return prove(
        keras_to_onnx(model),
        keras_network(model),
        card,
        packages=PACKAGES,
        max_difference=max_difference,
        exact=float64_network(model),
    )


def golden_from(model: keras.Model, images: Mapping[str, npt.NDArray[np.uint8]]) -> Golden:
    """Return golden samples with the answers that `model` gives.

    Args:
        model: The network whose answers count.
        images: Name to pixels at the model's size, uint8 ``[H, W, C]``; at least one.

    Raises:
        ExportError: The answers are no probabilities.
    """
    return golden_answers(keras_network(model), images, name=model.name)


def keras_network(model: keras.Model) -> Network:
    """Return a Keras network as a function from a uint8 batch to its answers, computed in float32."""
    model = in_float32(model)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of how Keras calls grouped convolutions
    return lambda batch: np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)), np.float32)


def _check_input(model: keras.Model, card: ModelCard) -> None:
    inputs = [(tensor.dtype, tuple(tensor.shape[1:])) for tensor in model.inputs]
    if inputs != [("uint8", card.image.shape_hwc)]:
        raise ExportError(
            f"cannot export {model.name!r}: it must take one uint8 image of shape {card.image.shape_hwc}, "
            f"it takes {inputs}"
        )
