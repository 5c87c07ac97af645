"""What is exported: a network that takes raw pixels, with the facts that go onto its card."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from edgecls.errors import ExportError
from edgecls.export.export import golden_from, keras_network
from edgecls.export.from_keras.ends import check_outputs, giving_probabilities, taking_raw_pixels
from edgecls.export.from_keras.file import load_keras, read_embedded_card
from edgecls.export.parity import remembering
from edgecls.export.proof import golden_answers
from edgecls.export.samples import read_samples
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.model_card import ModelCard

__all__ = ["KerasSource", "StatedFacts", "read_keras_source"]


@dataclass(frozen=True)
class StatedFacts:
    """What the user says about a network; None where the file is to say it.

    Attributes:
        labels: One for each output, in their order.
        fit: How pictures are brought to the network's size.
        image_size: Height and width in pixels, for a network that takes any.
        pixel_range: What the network wants 0 and 255 to be, for one that takes floats.
        samples: A folder of real pictures.
        logits: Whether the network ends before the softmax, or before the sigmoid if it has one output.
    """

    labels: tuple[str, ...] | None = None
    fit: Fit | None = None
    image_size: tuple[int, int] | None = None
    pixel_range: tuple[float, float] | None = None
    samples: Path | None = None
    logits: bool = False


@dataclass(frozen=True)
class KerasSource:
    """A network that takes uint8 pictures, and its card."""

    model: keras.Model
    card: ModelCard


def read_keras_source(path: Path, stated: StatedFacts) -> KerasSource:
    """Load a network as `load_keras` does and find out all that a model file has to say.

    A file written by `edgecls train` knows everything itself. For any other, the user has to state
    the labels, sample pictures, and, where the network takes floats, their range.

    Raises:
        ExportError: The file cannot be loaded, or something is not known; the message names the option.
        DatasetError: The folder of samples has no usable picture.
    """
    model = load_keras(path)
    card = read_embedded_card(path)
    if card is None:
        return _foreign_source(model, path, stated)
    if stated.image_size or stated.pixel_range or stated.logits:
        raise ExportError(
            f"{str(path)!r} says itself which pictures it takes ({card.image}) and gives probabilities; "
            "leave out --image-size, --pixel-range and --logits"
        )
    spec = card.image if stated.fit is None else replace(card.image, fit=stated.fit)
    golden = card.golden
    if stated.samples is not None:
        golden = golden_from(model, read_samples(stated.samples, spec))
    return KerasSource(model, replace(card, image=spec, labels=stated.labels or card.labels, golden=golden))


def _foreign_source(model: keras.Model, path: Path, stated: StatedFacts) -> KerasSource:
    if stated.labels is None:
        raise ExportError(f"{str(path)!r} does not say its labels; give them with --labels FILE, one a line")
    if stated.samples is None:
        raise ExportError(
            f"{str(path)!r} holds no golden samples; give a folder with a few real pictures with --samples DIR"
        )
    spec = _spec_of(model, path, stated)
    pictures = read_samples(stated.samples, spec)
    raw = taking_raw_pixels(model, path, spec, stated.pixel_range)
    prepared = giving_probabilities(raw, path, stated.labels, logits=stated.logits)
    network = remembering(keras_network(prepared))
    batch = np.stack(list(pictures.values()))
    check_outputs(keras_network(raw)(batch) if stated.logits else network(batch), path, logits=stated.logits)
    golden = golden_answers(network, pictures, name=model.name)
    return KerasSource(
        prepared,
        ModelCard(name=path.resolve().stem, labels=stated.labels, image=spec, architecture=model.name, golden=golden),
    )


def _spec_of(model: keras.Model, path: Path, stated: StatedFacts) -> ImageSpec:
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ExportError(f"{str(path)!r} must take one batch of pictures (N, height, width, channels)")
    height, width, channels = model.inputs[0].shape[1:]
    if height is None or width is None:
        if stated.image_size is None:
            raise ExportError(f"{str(path)!r} takes pictures of any size; give the one to use with --image-size")
        height, width = stated.image_size
    if channels not in (1, 3):
        raise ExportError(f"{str(path)!r} takes {channels} channels; only grey (1) and RGB (3) can be exported")
    color = Color.RGB if channels == 3 else Color.GRAY
    return ImageSpec(height, width, color, stated.fit or Fit.STRETCH)
