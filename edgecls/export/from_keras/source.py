"""What is exported: a network that takes raw pixels, with the facts that go onto its card."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras
import numpy as np

from edgecls.errors import ExportError
from edgecls.export.from_keras.ends import check_outputs, giving_probabilities, taking_raw_pixels
from edgecls.export.from_keras.export import golden_from, keras_network
from edgecls.export.from_keras.file import load_keras, read_embedded_card
from edgecls.export.from_keras.input_form import InputForm, find_input_form
from edgecls.export.from_keras.known_networks import KnownNetwork, recognise
from edgecls.export.labels_file import Duplicates, LabelsFile, find_labels_beside, read_labels
from edgecls.export.parity import Network, remembering
from edgecls.export.pixel_scaling import (
    PRESETS,
    RAW_PIXELS,
    ChannelOrder,
    Layout,
    PixelScaling,
    Preset,
    other_conventions,
)
from edgecls.export.proof import golden_answers
from edgecls.export.samples import made_up_samples, read_samples
from edgecls.image_spec import Fit
from edgecls.model_card import ModelCard

__all__ = ["KerasSource", "StatedFacts", "read_keras_source"]


@dataclass(frozen=True)
class StatedFacts:
    """What the user says about a network; None where the file is to say it.

    Attributes:
        labels: One for each output, in their order; those in a file beside the network if it is None.
        duplicates: What to do about labels that stand twice in a file beside the network.
        fit: How images are brought to the network's size.
        image_size: Height and width in pixels, for a network that takes any.
        layout: Order of the input's dimensions.
        order: The channels that the network takes.
        scaling: What numbers pixels become, for a network that takes floats.
        samples: A folder of real images.
        logits: Whether the network ends before the softmax, or before the sigmoid if it has one output.
    """

    labels: LabelsFile | None = None
    duplicates: Duplicates = Duplicates.REFUSE
    fit: Fit | None = None
    image_size: tuple[int, int] | None = None
    layout: Layout | None = None
    order: ChannelOrder | None = None
    scaling: PixelScaling | None = None
    samples: Path | None = None
    logits: bool = False


@dataclass(frozen=True)
class KerasSource:
    """A network that takes uint8 images.

    Attributes:
        model: The network.
        card: Its card.
        remarks: What was found out or taken for granted, for the user to check.
        otherwise: Makes the network for pixels prepared by another convention, by the options that state it; none
            where the network takes pixels as they are.
    """

    model: keras.Model
    card: ModelCard
    remarks: tuple[str, ...] = ()
    otherwise: Mapping[str, Callable[[], Network]] = field(default_factory=dict)


def read_keras_source(path: Path, stated: StatedFacts) -> KerasSource:
    """Load a network as `load_keras` does and find out all that a model file has to say.

    A file written by `edgecls train` knows everything itself, and an export of Teachable Machine is always made
    alike. For any other, the user has to state sample images, the labels where no file beside it has them, and,
    where the network takes floats, their scaling.

    Raises:
        ExportError: The file cannot be loaded, or something is not known; the message names the option.
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
    golden = card.golden
    if stated.samples is not None:
        golden = golden_from(model, read_samples(stated.samples, spec))
    if stated.labels is not None:
        card = replace(card, labels=stated.labels.labels)
    remarks = () if stated.labels is None else stated.labels.remarks
    return KerasSource(model, replace(card, image=spec, golden=golden), remarks)


def _foreign_source(model: keras.Model, path: Path, stated: StatedFacts) -> KerasSource:
    known = recognise(model, path)
    labels, remarks = _labels(path, stated)
    if stated.samples is None and not (known and known.is_teachable_machine):
        raise ExportError(
            f"{str(path)!r} holds no golden samples; give a folder with a few real images with --samples DIR"
        )
    form, scaling, told = _input(model, path, stated, known)
    remarks += told
    raw = taking_raw_pixels(model, path, form, scaling)
    prepared = giving_probabilities(raw, path, labels, logits=stated.logits)
    training = {}
    if stated.samples is not None:
        images = read_samples(stated.samples, form.spec)
    else:
        images = made_up_samples(form.spec)
        training["golden_samples"] = "made-up images, for no real ones were given"
        remarks += (
            "golden samples: made-up images, and the file says so; give a folder with a few real ones with --samples",
        )
    network = remembering(keras_network(prepared))
    batch = np.stack(list(images.values()))
    check_outputs(keras_network(raw)(batch) if stated.logits else network(batch), path, logits=stated.logits)
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
    return KerasSource(prepared, card, remarks, otherwise)


def _prepared_otherwise(
    model: keras.Model, path: Path, form: InputForm, preset: Preset, labels: LabelsFile, *, logits: bool
) -> Network:
    raw = taking_raw_pixels(model, path, replace(form, order=preset.order), preset.scaling)
    return keras_network(giving_probabilities(raw, path, labels, logits=logits))


def _labels(path: Path, stated: StatedFacts) -> tuple[LabelsFile, tuple[str, ...]]:
    if stated.labels is not None:
        return stated.labels, stated.labels.remarks
    beside = find_labels_beside(path)
    if beside is None:
        raise ExportError(
            f"{str(path)!r} does not say its labels; give them with --labels FILE, one a line, or put a labels.txt "
            "beside it"
        )
    labels = read_labels(beside, duplicates=stated.duplicates)
    return labels, (f"labels: the {len(labels.labels)} of {str(beside)!r}", *labels.remarks)


def _input(
    model: keras.Model, path: Path, stated: StatedFacts, known: KnownNetwork | None
) -> tuple[InputForm, PixelScaling, tuple[str, ...]]:
    """Return what the network takes, as stated or as is usual for what it is, and remarks about that."""
    scaling, order, fit = stated.scaling, stated.order, stated.fit or Fit.STRETCH
    remarks: tuple[str, ...] = ()
    if known is not None and known.is_teachable_machine:
        fit = stated.fit or Fit.CROP
        scaling = stated.scaling or PRESETS[known.preset].scaling
        remarks = (f"{str(path)!r} is {known.what}: pixels {scaling}, fit {fit}",)
    form = find_input_form(model, path, fit=fit, image_size=stated.image_size, layout=stated.layout, order=order)
    if model.inputs[0].dtype == "uint8":
        if scaling not in (None, RAW_PIXELS):
            raise ExportError(
                f"{str(path)!r} takes pixels as they are (uint8) and scales them itself; leave out --preset, "
                "--pixel-range, --mean and --std"
            )
        return form, RAW_PIXELS, remarks
    if scaling is None:
        usual = f" (it looks like {known.what}, for which --preset {known.preset} is usual)" if known else ""
        raise ExportError(
            f"{str(path)!r} takes {model.inputs[0].dtype} images and does not say how pixels are scaled for it; "
            "give what 0 and 255 become with --pixel-range: '0 255' if it scales them itself, else '0 1' or '-1 1', "
            f"or its framework's convention with --preset torchvision, tensorflow, caffe or none{usual}"
        )
    scaling.check_channels(form.order)
    if known is not None:
        usual_preset = PRESETS[known.preset]
        if scaling != usual_preset.scaling or (form.order is ChannelOrder.BGR) != (
            usual_preset.order is ChannelOrder.BGR
        ):
            remarks += (
                f"warning: {str(path)!r} looks like {known.what}, for which --preset {known.preset} is usual, not "
                f"pixels {scaling} as {form.order}; if it was not trained like that its answers will be wrong, and "
                "'edgecls verify' cannot see it: measure it on labelled images with --check DATA",
            )
    return form, scaling, remarks
