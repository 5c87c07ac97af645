"""What is put before and behind the networks of others: raw pixels in, probabilities out."""

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.from_keras.input_form import InputForm
from edgecls.export.labels_file import LabelsFile
from edgecls.export.pixel_scaling import ChannelOrder, Layout, PixelScaling
from edgecls.model_card import SUM_TOLERANCE
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["check_outputs", "giving_probabilities", "taking_raw_pixels"]

RANGE_TOLERANCE = 1e-6  # how far rounding may carry a probability below 0 or above 1


def taking_raw_pixels(model: keras.Model, path: Path, form: InputForm, scaling: PixelScaling) -> keras.Model:
    """Put before a network what its caller did with images: channels, scaling, shape.

    Args:
        model: Takes ``[N, *form.shape]`` of any type.
        path: Where it comes from, for error messages.
        form: The images it will take, and in which form the network wants them.
        scaling: What numbers pixels become, in the network's order of channels; RAW_PIXELS if it takes uint8.

    Returns:
        A network that takes uint8 images; its output is ``[N, K]``.

    Raises:
        ExportError: The output has another shape.
    """
    images = keras.Input(shape=form.spec.shape_hwc, dtype="uint8", name=INPUT_NAME)
    scaled = images
    if form.order is ChannelOrder.BGR:
        scaled = keras.ops.take(scaled, [2, 1, 0], axis=-1)
    if model.inputs[0].dtype != "uint8":
        factor, offset = (values.tolist() for values in scaling.factor_and_offset())
        if len(factor) == len(offset) == 1:
            (factor,), (offset,) = factor, offset
        scaled = keras.layers.Rescaling(factor, offset=offset, name="edgecls_scale")(scaled)
    if form.layout is Layout.NCHW:
        scaled = keras.layers.Permute((3, 1, 2), name="edgecls_channels_first")(scaled)
    elif form.shape != form.spec.shape_hwc:
        scaled = keras.layers.Reshape(form.shape, name="edgecls_shape")(scaled)
    if len(model.outputs) != 1:
        raise ExportError(f"a classifier has one output, {str(path)!r} has {len(model.outputs)}")
    (outputs,) = keras.tree.flatten(model(scaled))
    if len(outputs.shape) > 2 and set(outputs.shape[1:-1]) == {1}:  # a map of one place
        outputs = keras.layers.Flatten(name="edgecls_flat")(outputs)
    if len(outputs.shape) != 2:
        raise ExportError(
            f"{str(path)!r} gives an array of shape {outputs.shape}, a classifier gives (N, labels); "
            "end it with pooling and a dense layer"
        )
    return keras.Model(images, outputs, name=model.name)


def giving_probabilities(
    model: keras.Model,
    path: Path,
    labels: LabelsFile,
    *,
    logits: bool,
) -> keras.Model:
    """Put behind a network what makes one probability for each label of its outputs.

    A single output p, as of a sigmoid, becomes 1 - p and p. Whether outputs are logits is not guessed:
    what looks like them may be anything that is no probability.

    Args:
        model: Takes uint8 images, gives ``[N, K]``.
        path: Where it comes from, for error messages.
        labels: As many as there have to be probabilities.
        logits: Whether the user says that the outputs are logits.

    Raises:
        ExportError: Labels and outputs differ in number.
    """
    outputs = model.outputs[0]
    count = outputs.shape[-1]
    if len(labels.labels) != max(2, count):
        explained = " (a single output tells two labels apart)" if count == 1 else ""
        raise ExportError(
            f"{str(path)!r} has {count} outputs, but there are {len(labels.labels)} labels{explained} in "
            f"{str(labels.path)!r}; give one label for each output, in their order, with --labels"
        )
    if outputs.dtype != "float32":
        outputs = keras.layers.Activation("linear", dtype="float32", name="edgecls_float32")(outputs)
    if logits:
        outputs = keras.layers.Activation("sigmoid" if count == 1 else "softmax", name="edgecls_logits")(outputs)
    if count == 1:
        outputs = keras.layers.Concatenate(name="edgecls_both")([1 - outputs, outputs])
    named = keras.layers.Activation("linear", name=OUTPUT_NAME)(outputs)
    return keras.Model(model.inputs[0], named, name=model.name)


def check_outputs(rows: npt.NDArray[np.float32], path: Path, *, logits: bool) -> None:
    """Check that what a network gives for real images is what it is said to be.

    Args:
        rows: Its outputs, ``[N, K]``: logits if they are said to be that, else what goes into the file.
        path: Where it comes from, for error messages.
        logits: Whether the user says that the outputs are logits.

    Raises:
        ExportError: The outputs are not finite, no probabilities, or no logits.
    """
    if not np.isfinite(rows).all():
        raise ExportError(f"{str(path)!r} gives numbers that are not finite for the sample images; train it again")
    within = bool(rows.min() >= -RANGE_TOLERANCE and rows.max() <= 1 + RANGE_TOLERANCE)
    alone = rows.shape[1] == 1
    sums_to_one = alone or bool(np.all(np.abs(rows.sum(axis=1) - 1) <= SUM_TOLERANCE))
    if logits and within and sums_to_one:
        raise ExportError(
            f"the outputs of {str(path)!r} are probabilities already, for they lie between 0 and 1 for all samples; "
            "leave out --logits, or give samples of both labels"
        )
    if logits or (within and sums_to_one):
        return
    if within:
        raise ExportError(
            f"the outputs of {str(path)!r} are not probabilities of labels that exclude each other: they lie between "
            f"0 and 1 and sum to {rows[0].sum():.4g}; end the network with a softmax, not with a sigmoid for each label"
        )
    raise ExportError(
        f"the outputs of {str(path)!r} are not probabilities (they reach from {rows.min():.4g} to {rows.max():.4g}); "
        "end the network with a softmax, or give --logits if that is all it lacks"
    )
