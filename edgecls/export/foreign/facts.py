"""Input and output of a foreign network: determined from the file and by running it, else asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import ExportError
from edgecls.export.foreign.file import ForeignFile
from edgecls.export.foreign.integer_scores import find_quantization
from edgecls.export.foreign.pipeline import BackgroundClass, ForeignInput, ForeignOutput, Quantization, Scores
from edgecls.export.labels_file import Duplicates
from edgecls.export.pixel_scaling import RAW_PIXELS, ChannelOrder, Layout, PixelScaling, input_size
from edgecls.image_spec import Fit, ImageSpec

__all__ = ["StatedPipeline", "find_input", "find_output"]

SUM_TOLERANCE = 1e-3  # how far rows of probabilities may be from a sum of 1

BACKGROUND_NAMES = {
    *("dummy", "none", "nothing", "empty", "null", "n/a", "na", "other", "others", "unknown", "unused", "???"),
    *("no object", "nothing of all that", "none of these", "无", "空", "其他", "其它", "未知"),
}
"""Names in lists of labels for an output that stands for none of them, in addition to those with "background"."""


@dataclass(frozen=True)
class StatedPipeline:
    """What the user states about a foreign network; None where it is to be determined.

    Attributes:
        labels: One for each output, in their order; the background class may be among them if that is left out.
            None for those that the file itself or one next to it states.
        samples: A folder of real images.
        fit: How images are resized to the network's input.
        image_size: Height and width in pixels, for a network that takes any.
        layout: Order of the input's dimensions.
        order: The input's channels.
        scaling: What pixels become, for a network that takes floats.
        output_name: Of the output with the scores, if several could be it.
        scores: What it outputs.
        background: Which output is no label and is dropped.
        quantization: Of integer scores, if the network does not state it.
        architecture: For the model card.
        duplicates: How to handle duplicate labels in a file next to the network.
    """

    labels: tuple[str, ...] | None
    samples: Path
    fit: Fit = Fit.CROP
    image_size: tuple[int, int] | None = None
    layout: Layout | None = None
    order: ChannelOrder | None = None
    scaling: PixelScaling | None = None
    output_name: str | None = None
    scores: Scores | None = None
    background: BackgroundClass = BackgroundClass.NONE
    quantization: Quantization | None = None
    architecture: str | None = None
    duplicates: Duplicates = Duplicates.REFUSE


def find_input(foreign: ForeignFile, stated: StatedPipeline) -> ForeignInput:
    """Determine the input of a network.

    Raises:
        ExportError: Neither the file nor the user states it, or they disagree.
    """
    layout = stated.layout or _layout_of(foreign)
    if layout is Layout.NCHW:
        _, channels, height, width = foreign.shape
    else:
        _, height, width, channels = foreign.shape
    order = stated.order or _order_of(foreign, channels)
    if channels not in (None, len(order.channel_names)):
        raise ExportError(
            f"cannot adopt {foreign.name!r}: its input {foreign.input_name!r} of shape {_shown(foreign.shape)} has "
            f"{channels} channel(s) as {layout}, {order} has {len(order.channel_names)}; change --color or --layout "
            "(1 channel is gray, 3 are rgb or bgr; others cannot be adopted)"
        )
    spec = ImageSpec(*input_size(foreign.name, height, width, stated.image_size), order.color, stated.fit)
    return ForeignInput(
        foreign.input_name, foreign.element_type, layout, order, _scaling_of(foreign, stated, order), spec
    )


def _layout_of(foreign: ForeignFile) -> Layout:
    _, first, _, last = foreign.shape
    is_nchw, is_nhwc = first in (1, 3), last in (1, 3)
    if is_nchw == is_nhwc:
        raise ExportError(
            f"cannot tell the order of dimensions of {foreign.name!r} from its input's shape "
            f"{_shown(foreign.shape)}; give it with --layout nchw or --layout nhwc"
        )
    return Layout.NCHW if is_nchw else Layout.NHWC


def _order_of(foreign: ForeignFile, channels: int | None) -> ChannelOrder:
    if channels is None:
        raise ExportError(
            f"{foreign.name!r} takes any number of channels (shape {_shown(foreign.shape)}); "
            "give those that it wants with --color rgb, bgr or gray"
        )
    return ChannelOrder.GRAY if channels == 1 else ChannelOrder.RGB


def _scaling_of(foreign: ForeignFile, stated: StatedPipeline, order: ChannelOrder) -> PixelScaling:
    if foreign.element_type in ("uint8", "int8"):
        if stated.scaling not in (None, RAW_PIXELS):
            raise ExportError(
                f"{foreign.name!r} takes pixels as they are ({foreign.element_type}) and scales them itself; leave out "
                "--preset, --pixel-range, --mean and --std"
            )
        return RAW_PIXELS
    if stated.scaling is None:
        raise ExportError(
            f"{foreign.name!r} takes {foreign.element_type} and does not say how pixels are scaled for it; give its "
            "framework's convention with --preset torchvision, tensorflow, caffe or none, or the numbers with "
            "--pixel-range, --mean and --std"
        )
    stated.scaling.check_channels(order)
    return stated.scaling


def find_output(
    foreign: ForeignFile,
    outputs: Mapping[str, npt.NDArray[Any]],
    stated: StatedPipeline,
    labels: tuple[str, ...],
) -> ForeignOutput:
    """Determine the output of a network.

    Args:
        foreign: Its file.
        outputs: Every output that is a plain tensor, for several images.
        stated: What the user states.
        labels: One for each score; with or without one for the background class, if that is left out.

    Raises:
        ExportError: No output, or more than one, could be the labels' scores; or it is not what the user says.
    """
    if stated.output_name is not None:
        if stated.output_name not in outputs:
            raise ExportError(
                f"{foreign.name!r} has no output {stated.output_name!r}; it has {', '.join(map(repr, outputs))}"
            )
        outputs = {stated.output_name: outputs[stated.output_name]}
    wanted = len(labels) + (stated.background is not BackgroundClass.NONE)
    fitting = _with_columns(outputs, wanted)
    if not fitting and stated.background is not BackgroundClass.NONE and _names_background(labels, stated.background):
        wanted = len(labels)
        fitting = _with_columns(outputs, wanted)
    if not fitting:
        raise ExportError(_nothing_fits(foreign, outputs, stated, labels))
    if len(fitting) > 1:
        raise ExportError(
            f"{foreign.name!r} has several outputs with {wanted} columns: {', '.join(map(repr, fitting))}; "
            "say which one to use with --output-name"
        )
    (name,) = fitting
    values = outputs[name]
    quantization = None if values.dtype.kind == "f" else _quantization_of(foreign, name, values, stated)
    rows = values.reshape(len(values), wanted).astype(np.float64)
    if quantization is not None:
        rows = (rows - quantization.zero_point) * quantization.scale
    step = 0.0 if quantization is None else quantization.scale
    scores = _scores_of(foreign, name, rows, stated.scores, step=step)
    return ForeignOutput(name, str(values.dtype), values.ndim, wanted, scores, stated.background, quantization)


def _with_columns(outputs: Mapping[str, npt.NDArray[Any]], wanted: int) -> list[str]:
    """Return the outputs with so many scores per image; integers only where there are no floats."""
    fitting = [name for name, values in outputs.items() if _columns(values) == wanted]
    return [name for name in fitting if outputs[name].dtype.kind == "f"] or fitting


def _names_background(labels: tuple[str, ...], background: BackgroundClass) -> bool:
    """True if the label at the position of the background class is a usual name for it."""
    label = labels[0 if background is BackgroundClass.FIRST else -1].casefold().strip("_-<>[]() ")
    return label in BACKGROUND_NAMES or "background" in label or "背景" in label


def _quantization_of(foreign: ForeignFile, name: str, values: npt.NDArray[Any], stated: StatedPipeline) -> Quantization:
    found = stated.quantization or find_quantization(foreign.proto, name)
    if found is None:
        raise ExportError(
            f"{foreign.name!r} gives whole numbers ({values.dtype}) in its output {name!r}, and its graph does not say "
            "what they stand for; give their scale and zero point with --output-quantization SCALE ZERO_POINT, as "
            "the original has them (TFLite: interpreter.get_output_details()[0]['quantization'])"
        )
    return found


def _columns(values: npt.NDArray[Any]) -> int | None:
    """Return the number of scores for an image, or None if these are no scores."""
    if values.dtype.kind not in "fiu" or values.ndim < 2 or prod(values.shape[2:]) != 1:
        return None
    return int(values.shape[1])


def _nothing_fits(
    foreign: ForeignFile, outputs: Mapping[str, npt.NDArray[Any]], stated: StatedPipeline, labels: tuple[str, ...]
) -> str:
    given = ", ".join(
        f"{name!r} of {values.dtype} {_shown((None, *values.shape[1:]))}" for name, values in outputs.items()
    )
    without = [value.name for value in foreign.proto.graph.output if not value.type.HasField("tensor_type")]
    if without:
        given += f"{', ' if given else ''}{', '.join(map(repr, without))} which is no plain tensor"
    wanted = len(labels) + (stated.background is not BackgroundClass.NONE)
    background = "" if stated.background is BackgroundClass.NONE else " and a background class"
    text = (
        f"cannot adopt {foreign.name!r}: {len(labels)} labels{background} need an output of floats of shape "
        f"(N, {wanted}); it gives {given or 'none with a row for each image'}"
    )
    counts = {_columns(values) for values in outputs.values()}
    if wanted + 1 in counts and not background:
        return (
            f"{text}; if one of its outputs is a background class, say where with --background-class first or last, "
            "or add a label for it to the file of labels"
        )
    if wanted - 1 in counts and background:
        label = labels[0 if stated.background is BackgroundClass.FIRST else -1]
        return (
            f"{text}; if the label {label!r} stands for the background class, call it 'background', or take its "
            "line out of the file of labels"
        )
    if without:
        return f"{text}; export it so that it gives plain tensors (skl2onnx: options={{'zipmap': False}})"
    return f"{text}; give one label for each output, in their order"


def _scores_of(
    foreign: ForeignFile, name: str, rows: npt.NDArray[np.float64], stated: Scores | None, *, step: float
) -> Scores:
    """Determine whether scores are logits or probabilities.

    Args:
        foreign: The file.
        name: Of the output.
        rows: Its scores for several images.
        stated: What the user states.
        step: How coarse they are rounded, which carries their sum away from 1; 0 for floats.
    """
    if not np.all(np.isfinite(rows)):
        raise ExportError(f"{foreign.name!r} gives NaN or infinity in its output {name!r}; check the pixel scaling")
    bounded = bool(rows.min() >= -SUM_TOLERANCE - step and rows.max() <= 1 + SUM_TOLERANCE + step)
    sums = rows.sum(axis=1)
    worst = float(sums[np.argmax(np.abs(sums - 1))])
    rounded_up = SUM_TOLERANCE + step * np.count_nonzero(rows > step / 2, axis=1)
    rounded_down = SUM_TOLERANCE + step * rows.shape[1]
    are_probabilities = bounded and bool(np.all((sums - 1 <= rounded_up) & (1 - sums <= rounded_down)))
    if stated is Scores.LOGITS and are_probabilities:
        raise ExportError(
            f"the output {name!r} of {foreign.name!r} is probabilities already (every row sums to 1); a softmax would "
            "flatten them; leave out --scores"
        )
    if stated is Scores.PROBABILITIES and not are_probabilities:
        raise ExportError(
            f"the output {name!r} of {foreign.name!r} is no probabilities: values from {rows.min():.4g} to "
            f"{rows.max():.4g}, a row sums to {worst:.4g}; use --scores logits to have a softmax added"
        )
    if stated is None and bounded and not are_probabilities:
        raise ExportError(
            f"the output {name!r} of {foreign.name!r} is between 0 and 1 but a row sums to {worst:.4g}: perhaps a "
            "sigmoid for each label, which is not one label an image; if they are logits, say --scores logits"
        )
    return Scores.PROBABILITIES if are_probabilities else Scores.LOGITS


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
