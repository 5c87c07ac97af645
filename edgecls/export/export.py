"""Exporting: convert, describe, prove, and only then hand out the model file."""

import logging
from collections.abc import Mapping

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.from_keras.convert import keras_to_onnx
from edgecls.export.from_keras.number_types import float64_network, in_float32
from edgecls.export.parity import MAX_DIFFERENCE, Network
from edgecls.export.proof import MAX_GOLDEN_SAMPLES, Export, golden_answers, prove
from edgecls.model_card import Golden, ModelCard

__all__ = ["MAX_GOLDEN_SAMPLES", "Export", "export_float32", "golden_from", "keras_network"]

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


def golden_from(model: keras.Model, pictures: Mapping[str, npt.NDArray[np.uint8]]) -> Golden:
    """Return golden samples with the answers that `model` gives.

    Args:
        model: The network whose answers count.
        pictures: Name to pixels at the model's size, uint8 ``[H, W, C]``; at least one.

    Raises:
        ExportError: The answers are no probabilities.
    """
    return golden_answers(keras_network(model), pictures, name=model.name)


def keras_network(model: keras.Model) -> Network:
    """Return a Keras network as a function from a uint8 batch to its answers, computed in float32."""
    model = in_float32(model)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of how Keras calls grouped convolutions
    return lambda batch: np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)), np.float32)


def _check_input(model: keras.Model, card: ModelCard) -> None:
    inputs = [(tensor.dtype, tuple(tensor.shape[1:])) for tensor in model.inputs]
    if inputs != [("uint8", card.image.shape_hwc)]:
        raise ExportError(
            f"cannot export {model.name!r}: it must take one uint8 picture of shape {card.image.shape_hwc}, "
            f"it takes {inputs}"
        )
