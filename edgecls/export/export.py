"""Exporting: convert, describe, prove, and only then hand out the model file."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import keras
import numpy as np
import numpy.typing as npt

import edgecls
from edgecls import image, modelfile
from edgecls.errors import ExportError
from edgecls.export.convert import keras_to_onnx
from edgecls.export.parity import MAX_DIFFERENCE, ParityReport, check_parity
from edgecls.model_card import SUM_TOLERANCE, Golden, GoldenSample, ModelCard
from edgecls.modelfile import ModelFile
from edgecls.runtime.providers import Provider
from edgecls.runtime.session import open_session

__all__ = ["MAX_GOLDEN_SAMPLES", "Export", "export_float32", "golden_from", "versions"]

MAX_GOLDEN_SAMPLES = 8
GOLDEN_TOLERANCE = 1e-3
"""Ten times the parity bound: other processors and providers sum in other orders; a wrong network is far off."""

RANDOM_PICTURES = 4  # noise and flat pictures reach values that photos do not


@dataclass(frozen=True)
class Export:
    """A model file that passed the parity gate.

    Attributes:
        onnx: The whole file.
        card: Its card.
        parity: How close it came to the original.
    """

    onnx: bytes
    card: ModelCard
    parity: ParityReport


def export_float32(
    model: keras.Model,
    card: ModelCard,
    *,
    max_difference: float = MAX_DIFFERENCE,
) -> Export:
    """Turn a Keras classifier into a model file, in memory.

    Args:
        model: One input, uint8 ``[N, H, W, C]`` as the card says; one output of probabilities.
        card: What the file will say about itself; the answers of its golden samples are computed anew.
        max_difference: Largest difference of any probability between Keras and onnxruntime.

    Raises:
        ParityError: The two differ by more, or the outputs are no probabilities.
        ExportError: The network cannot be converted or its input is not what the card says.
    """
    _check_input(model, card)
    samples = {
        sample.name: image.decode(sample.png, name=sample.name, color=card.image.color)
        for sample in card.golden.samples
    }
    card = replace(
        card,
        golden=golden_from(model, samples),
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    described = modelfile.describe(keras_to_onnx(model), card)
    session = open_session(ModelFile(card.name, card, described), Provider.CPU, intra_op_threads=1)
    parity = check_parity(
        lambda batch: _answers(model, batch),
        session.run,
        {**samples, **_random_pictures(card.image.shape_hwc)},
        card.labels,
        max_difference=max_difference,
    )
    return Export(described, card, parity)


def golden_from(model: keras.Model, pictures: Mapping[str, npt.NDArray[np.uint8]]) -> Golden:
    """Return golden samples with the answers that `model` gives.

    Args:
        model: The network whose answers count.
        pictures: Name to pixels at the model's size, uint8 ``[H, W, C]``; at least one.

    Raises:
        ExportError: The answers are no probabilities.
    """
    samples = []
    for name, pixels in pictures.items():
        answer = _answers(model, pixels[np.newaxis])[0]
        if not abs(float(answer.sum()) - 1) <= SUM_TOLERANCE:
            raise ExportError(
                f"the outputs of {model.name!r} are not probabilities (they sum to {float(answer.sum()):.4g} "
                f"for {name!r}); end the network with a softmax"
            )
        clipped = np.clip(answer.astype(np.float64), 0, 1)
        samples.append(GoldenSample(name, image.encode_png(pixels), tuple(clipped.tolist())))
    return Golden(GOLDEN_TOLERANCE, tuple(samples))


def versions() -> dict[str, str]:
    """Return the versions of what made a model file, by package name."""
    found = {"edgecls": edgecls.__version__, "python": platform.python_version()}
    for package in ("keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _answers(model: keras.Model, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return np.asarray(keras.ops.convert_to_numpy(model(batch, training=False)), np.float32)


def _check_input(model: keras.Model, card: ModelCard) -> None:
    inputs = [(tensor.dtype, tuple(tensor.shape[1:])) for tensor in model.inputs]
    if inputs != [("uint8", card.image.shape_hwc)]:
        raise ExportError(
            f"cannot export {model.name!r}: it must take one uint8 picture of shape {card.image.shape_hwc}, "
            f"it takes {inputs}"
        )


def _random_pictures(shape_hwc: tuple[int, int, int]) -> dict[str, npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(seed=0)
    noise = {f"random noise {index}": rng.integers(0, 256, shape_hwc, np.uint8) for index in range(RANDOM_PICTURES)}
    return {**noise, "all black": np.zeros(shape_hwc, np.uint8), "all white": np.full(shape_hwc, 255, np.uint8)}
