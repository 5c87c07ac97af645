"""Sources of an export: a network from a file, completed to go from raw pixels to probabilities, and its model card."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.from_keras.export import keras_network
from edgecls.export.from_keras.file import load_keras, read_embedded_card
from edgecls.export.from_keras.input_form import InputForm, StatedFacts, find_input
from edgecls.export.from_keras.known_networks import recognise
from edgecls.export.labels_file import LabelsFile, read_labels_next_to
from edgecls.export.parity import Network, Remembering
from edgecls.export.pixel_scaling import ChannelOrder, Layout, PixelScaling, Preset, other_conventions
from edgecls.export.proof import golden_answers
from edgecls.export.samples import made_up_samples, read_samples
from edgecls.model_card import SUM_TOLERANCE, ModelCard
from edgecls.modelfile import INPUT_NAME, OUTPUT_NAME

__all__ = ["KerasSource", "read_keras_source"]

RANGE_TOLERANCE = 1e-6  # how far rounding may carry a probability below 0 or above 1


@dataclass(frozen=True)
class KerasSource:
    """A network that takes uint8 images.

    Attributes:
        model: The network.
        card: Its card.
        network: It as a function that remembers the answers for the golden samples.
        remarks: What was determined or assumed, for the user to check.
        otherwise: Builds the network for another pixel convention, by the options that state it; empty where the
            network takes raw pixels.
    """

    model: keras.Model
    card: ModelCard
    network: Network
    remarks: tuple[str, ...] = ()
    otherwise: Mapping[str, Callable[[], Network]] = field(default_factory=dict)


def read_keras_source(path: Path, stated: StatedFacts) -> KerasSource:
    """Load a network as `load_keras` does and determine everything that a model file contains.

    A file written by `edgecls train` contains it all, and exports of Teachable Machine are all alike. For any other
    network, the user has to state sample images, the labels unless a file next to it has them, and the pixel scaling
    if it takes floats.

    Raises:
        ExportError: The file cannot be loaded, or something is unknown; the message names the option.
        DatasetError: The folder of samples has no usable image.
    """
    model = load_keras(path)
    card = read_embedded_card(path)
    if card is None:
        return _foreign_source(model, path, stated)
    if stated.image_size or stated.scaling or stated.order or stated.layout or stated.logits:
        raise ExportError(
            f"{str(path)!r} says itself which images it takes ({card.image}) and gives probabilities; leave out "
            "--image-size, --preset, --pixel-range, --mean, --std, --channel-order, --layout and --logits"
        )
    spec = card.image if stated.fit is None else replace(card.image, fit=stated.fit)
    golden, network = card.golden, Remembering(keras_network(model))
    if stated.samples is not None:
        golden = golden_answers(network, read_samples(stated.samples, spec), name=model.name)
    if stated.labels is not None:
        card = replace(card, labels=stated.labels.labels)
    remarks = () if stated.labels is None else stated.labels.remarks
    return KerasSource(model, replace(card, image=spec, golden=golden), network, remarks)


def _foreign_source(model: keras.Model, path: Path, stated: StatedFacts) -> KerasSource:
    known = recognise(model, path)
    labels = stated.labels or read_labels_next_to(path, stated.duplicates)
    remarks = labels.remarks
    if stated.samples is None and not (known and known.is_teachable_machine):
        raise ExportError(
            f"{str(path)!r} holds no golden samples; give a folder with a few real images with --samples DIR"
        )
    form, scaling, further = find_input(model, path, stated, known)
    remarks += further
    raw = _taking_raw_pixels(model, path, form, scaling)
    prepared = _giving_probabilities(raw, path, labels, logits=stated.logits)
    training = {}
    if stated.samples is not None:
        images = read_samples(stated.samples, form.spec)
    else:
        images = made_up_samples(form.spec)
        training["golden_samples"] = "made-up images, for no real ones were given"
        remarks += (
            "golden samples: made-up images, and the file says so; give a folder with a few real ones with --samples",
        )
    network = Remembering(keras_network(prepared))
    batch = np.stack(list(images.values()))
    _check_outputs(keras_network(raw)(batch) if stated.logits else network(batch), path, logits=stated.logits)
    card = ModelCard(
        name=path.resolve().stem,
        labels=labels.labels,
        image=form.spec,
        architecture=model.name,
        golden=golden_answers(network, images, name=model.name),
        training=training,
    )
    otherwise = {}
    if model.inputs[0].dtype != "uint8":
        otherwise = {
            options: functools.partial(_prepared_otherwise, model, path, form, preset, labels, logits=stated.logits)
            for options, preset in other_conventions(scaling, form.order).items()
        }
    return KerasSource(prepared, card, network, remarks, otherwise)


def _prepared_otherwise(
    model: keras.Model, path: Path, form: InputForm, preset: Preset, labels: LabelsFile, *, logits: bool
) -> Network:
    raw = _taking_raw_pixels(model, path, replace(form, order=preset.order), preset.scaling)
    return keras_network(_giving_probabilities(raw, path, labels, logits=logits))


def _taking_raw_pixels(model: keras.Model, path: Path, form: InputForm, scaling: PixelScaling) -> keras.Model:
    """Prepend what the network's caller did with images: channel order, scaling, shape.

    Args:
        model: Takes ``[N, *form.shape]`` of any type.
        path: Its file, for error messages.
        form: The form of its input.
        scaling: What pixels become, in the network's channel order; RAW_PIXELS if it takes uint8.

    Returns:
        A network from uint8 images to ``[N, K]``.

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


def _giving_probabilities(
    model: keras.Model,
    path: Path,
    labels: LabelsFile,
    *,
    logits: bool,
) -> keras.Model:
    """Append what turns the outputs of a network into one probability per label.

    A single output p, as of a sigmoid, becomes 1 - p and p. Whether outputs are logits is not guessed: any other
    numbers look like them.

    Args:
        model: From uint8 images to ``[N, K]``.
        path: Its file, for error messages.
        labels: One per probability.
        logits: Whether the user states that the outputs are logits.

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


def _check_outputs(rows: npt.NDArray[np.float32], path: Path, *, logits: bool) -> None:
    """Check that the outputs of a network for real images are what the user states.

    Args:
        rows: Its outputs, ``[N, K]``: logits if the user states that, else what goes into the file.
        path: Its file, for error messages.
        logits: Whether the user states that the outputs are logits.

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
