"""Export of a Keras network, computed in float32: converted, verified, and described in a model file."""

import logging
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError, ModelFileError
from edgecls.export.from_keras.convert import keras_to_onnx
from edgecls.export.parity import MAX_DIFFERENCE, Network
from edgecls.export.proof import Export, golden_answers, prove
from edgecls.model_card import Golden, ModelCard

__all__ = ["Export", "export_float32", "golden_from", "keras_network"]

PACKAGES = ("keras", "tensorflow", "tf2onnx")  # recorded with their versions in the model file

_FLOATS = {"float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16"}
_POLICIES = {"DTypePolicy", "FloatDTypePolicy", "Policy"}  # as Keras 3 and Keras 2 name them
_UNCHANGEABLE = (TypeError, ValueError, KeyError, AttributeError, IndexError, NotImplementedError)


def export_float32(
    model: keras.Model,
    card: ModelCard,
    *,
    network: Network | None = None,
    max_difference: float = MAX_DIFFERENCE,
) -> Export:
    """Turn a Keras classifier into a model file, in memory.

    A network that computes in float16 or bfloat16 is exported, and compared, with the same weights in float32.

    Args:
        model: One input, uint8 ``[N, H, W, C]`` as the card says; one output of probabilities.
        card: Goes into the file; the answers of its golden samples are computed anew.
        network: What `keras_network` gives for it, if answers of it are remembered already.
        max_difference: Largest difference of any probability between Keras and onnxruntime.

    Raises:
        ParityError: The two differ by more, and not by rounding, or the outputs are no probabilities.
        ExportError: The network cannot be converted, or its input does not match the card.
        MissingExtraError: TensorFlow, tf2onnx or onnx is not installed.
    """
    _check_input(model, card)
    model = _in_float32(model)
    try:
        return prove(
            keras_to_onnx(model),
            network or keras_network(model),
            card,
            packages=PACKAGES,
            max_difference=max_difference,
            exact=_float64_network(model),
        )
    except ModelFileError as error:
        raise ExportError(_unloadable(model, error)) from error


def _unloadable(model: keras.Model, error: ModelFileError) -> str:
    """Return the message for a converted network that onnxruntime does not load, with the layer that is the reason."""
    reason = str(error.__cause__ or error)
    words = set(re.findall(r"[\w.-]+", reason))
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.name in words]
    named = ", ".join(f"{layer.name!r} ({type(layer).__name__})" for layer in layers) or "one of its layers"
    return (
        f"cannot export {model.name!r}: {named} becomes ONNX operators that onnxruntime does not accept; "
        f"use another layer in its place, and train again. What onnxruntime reports: {reason}"
    )


def golden_from(model: keras.Model, images: Mapping[str, npt.NDArray[np.uint8]]) -> Golden:
    """Return golden samples with the answers of `model`.

    Args:
        model: The reference network.
        images: Name to pixels at the model's size, uint8 ``[H, W, C]``; at least one.

    Raises:
        ExportError: The answers are no probabilities.
    """
    return golden_answers(keras_network(model), images, name=model.name)


def keras_network(model: keras.Model) -> Network:
    """Return a Keras network as a function from a uint8 batch to its answers, computed in float32."""
    model = _in_float32(model)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns about how Keras calls grouped convolutions
    return lambda batch: np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)), np.float32)


def _check_input(model: keras.Model, card: ModelCard) -> None:
    inputs = [(tensor.dtype, tuple(tensor.shape[1:])) for tensor in model.inputs]
    if inputs != [("uint8", card.image.shape_hwc)]:
        raise ExportError(
            f"cannot export {model.name!r}: it must take one uint8 image of shape {card.image.shape_hwc}, "
            f"it takes {inputs}"
        )


def _other_types(model: keras.Model) -> set[str]:
    """Return the number types other than float32 in which layers of a network compute or keep weights."""
    layers = model._flatten_layers(include_self=False)
    types = {kind for layer in layers for kind in (layer.compute_dtype, layer.variable_dtype)}
    return {kind for kind in types if kind in _FLOATS and kind != "float32"}


def _in_float32(model: keras.Model) -> keras.Model:
    """Return a network of the same weights that computes in float32, as every model file does before `quantize`.

    onnxruntime has no convolutions in bfloat16 or float64 for a CPU, and slow ones in float16.

    Returns:
        The network itself, if it computes in float32 already or cannot be rebuilt from its configuration.
    """
    if not _other_types(model):
        return model
    return _rebuilt(model, "float32") or model


def _float64_network(model: keras.Model) -> Network:
    """Return a network as a function that computes in float64: its answers without rounding.

    It is built on the first call, as it takes twice the memory of the weights.

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
        # The network is in memory, not from a file, so code in it is the caller's own.
        classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
        other = keras.saving.deserialize_keras_object(config, custom_objects=classes, safe_mode=False)
        for ours, theirs in zip(other.variables, model.variables, strict=True):
            ours.assign(keras.ops.cast(theirs.value, ours.dtype))
    except _UNCHANGEABLE:
        return None
    return other


def _with_floats(config: Any, kind: str) -> Any:
    """Return a Keras configuration with all floating-point types replaced by one."""
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
