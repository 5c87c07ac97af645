"""Options and checks shared by the commands that turn networks of other programs into model files."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgecls.evaluation.record import Evaluation
    from edgecls.export.labels_file import Duplicates
    from edgecls.export.parity import Network
    from edgecls.export.pixel_scaling import ChannelOrder, PixelScaling
    from edgecls.model_card import ModelCard
    from edgecls.modelfile import ModelFile

    Command = Callable[..., None]

__all__ = [
    "check_accuracy",
    "check_options",
    "duplicates_of",
    "number_duplicates_option",
    "pixel_options",
    "refuse_a_bound_without_data",
    "stated_pixels",
]

COMPARED_IMAGES = 100  # of the checked ones, for each other pixel convention
COMPARED_AT_ONCE = 16
DEVIATIONS = 2.5  # standard deviations beyond which one convention is clearly better than another


class _Numbers(click.ParamType[tuple[float, ...]]):
    """One number for all channels, or three separated by commas."""

    name = "NUMBERS"

    def convert(
        self, value: str | tuple[float, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(number) for number in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            self.fail(f"{value!r} is not 1 number or 3; separate them by commas, as in 0.485,0.456,0.406", param, ctx)
        return numbers


_PIXEL_OPTIONS = (
    click.option(
        "--preset",
        type=click.Choice(["torchvision", "tensorflow", "caffe", "none"]),
        help="Pixel convention: torchvision (0 to 1, ImageNet's mean and std), tensorflow (-1 to 1), "
        "caffe (0 to 255 minus ImageNet's mean, BGR), none (0 to 255 as they are).",
    ),
    click.option(
        "--pixel-range",
        type=(float, float),
        metavar="LOW HIGH",
        help="Values of black and white before mean and std are applied; 0 1 if only those are given.",
    ),
    click.option(
        "--mean", type=_Numbers(), help="Subtracted, in the unit of --pixel-range and in the network's channel order."
    ),
    click.option("--std", type=_Numbers(), help="Divisor after that, likewise."),
    click.option(
        "--channel-order",
        "--color",
        "order_name",
        type=click.Choice(["rgb", "bgr", "gray"]),
        help="Channels of the network's input.",
    ),
    click.option(
        "--layout", type=click.Choice(["nchw", "nhwc"]), help="Order of dimensions, where the shape is ambiguous."
    ),
)
_CHECK_OPTIONS = (
    click.option(
        "--check",
        "check_data",
        type=click.Path(exists=True, path_type=Path),
        metavar="DATA",
        help="Labelled images, as for 'edgecls evaluate': report the accuracy, and write no file if it is too low.",
    ),
    click.option(
        "--min-accuracy",
        type=click.FloatRange(min=0, max=1),
        metavar="A",
        show_default="more than always predicting one label",
        help="Minimum accuracy on --check, from 0 to 1.",
    ),
)
number_duplicates_option = click.option(
    "--number-duplicates",
    is_flag=True,
    help="Append the output's number to labels that occur more than once.",
)


def pixel_options(command: "Command") -> "Command":
    """Add the options that state the form and scaling of a network's input."""
    for option in reversed(_PIXEL_OPTIONS):
        command = option(command)
    return command


def check_options(command: "Command") -> "Command":
    """Add --check and --min-accuracy."""
    for option in reversed(_CHECK_OPTIONS):
        command = option(command)
    return command


def stated_pixels(
    preset: str | None,
    pixel_range: tuple[float, float] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    order_name: str | None,
) -> tuple["PixelScaling | None", "ChannelOrder | None"]:
    """Return the pixel scaling and the channel order from the options; None where they are not given.

    Raises:
        UsageError: They contradict each other.
    """
    from edgecls.export.pixel_scaling import PRESETS, ChannelOrder, PixelScaling

    order = None if order_name is None else ChannelOrder(order_name)
    if preset is None:
        if not (pixel_range or mean or std):
            return None, order
        return PixelScaling(*(pixel_range or (0.0, 1.0)), mean or (0.0,), std or (1.0,)), order
    if pixel_range or mean or std:
        raise click.UsageError("--preset excludes --pixel-range, --mean and --std; leave out one or the other")
    if PRESETS[preset].order is ChannelOrder.BGR:
        if order not in (None, ChannelOrder.BGR):
            raise click.UsageError(f"--preset {preset} is for bgr, not for {order}; give --mean instead")
        order = ChannelOrder.BGR
    return PRESETS[preset].scaling, order


def duplicates_of(number_duplicates: bool) -> "Duplicates":
    """Return how to handle duplicate labels."""
    from edgecls.export.labels_file import Duplicates

    return Duplicates.NUMBER if number_duplicates else Duplicates.REFUSE


def refuse_a_bound_without_data(check_data: Path | None, min_accuracy: float | None) -> None:
    """Refuse --min-accuracy without --check.

    Raises:
        UsageError: There are no images to measure on.
    """
    if min_accuracy is not None and check_data is None:
        raise click.UsageError("--min-accuracy needs labelled images to measure on; give them with --check DATA")


def check_accuracy(
    model: "ModelFile",
    data: Path,
    min_accuracy: float | None,
    otherwise: "Mapping[str, Callable[[], Network]]",
) -> None:
    """Measure a model file on labelled images, print its accuracy, and refuse it if it is too low.

    Args:
        model: In memory; it need not be on disk yet.
        data: A dataset in any format; of one with splits, the test images.
        min_accuracy: The minimum. None to require more than always predicting the most common label, and no clearly
            better accuracy with another pixel convention.
        otherwise: Builds the network for another pixel convention, by the options that state it.

    Raises:
        ExportError: The accuracy is too low.
        DatasetError: The data has none of the model's labels, or no image that can be classified.
    """
    from edgecls.commands.terminal import StatusLine
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.errors import ExportError
    from edgecls.evaluation.evaluate import AUTO, choose_split, evaluate, without_foreign_labels
    from edgecls.runtime.execution.providers import Provider
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import open_classifier

    split, images = choose_split(read_dataset(data), AUTO)
    known = without_foreign_labels(images, model.card.labels)
    if left_out := len(images.paths) - len(known.paths):
        foreign = sorted(set(images.labels) - set(known.labels))
        named = ", ".join(map(repr, foreign[:10])) + (f" and {len(foreign) - 10} more" if len(foreign) > 10 else "")
        click.echo(f"check: {left_out} image(s) left out, whose labels the model does not have: {named}", err=True)
    line = StatusLine()
    found = evaluate(
        open_classifier(model, Provider.CPU, setting=None),
        known,
        workers=usable_cores(),
        on_progress=lambda done, total: line.show(f"checking images {done}/{total}"),
    )
    line.show("checking other pixel conventions")
    better = _clearly_better(found, model.card, otherwise)
    line.show("")
    for error in found.failures.values():
        click.echo(f"left out: {error}", err=True)
    low, high = found.accuracy_interval
    label, baseline = found.baseline
    measured = (
        f"accuracy {found.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f}) on {found.images} labelled images "
        f"of {str(data)!r} ({split}); always predicting {label!r} would have {baseline:.4f}"
    )
    if min_accuracy is None:
        bound = "" if found.accuracy > baseline else "more than that is required"
        bound = bound or ("that pixels were prepared otherwise in training is far likelier" if better else "")
    else:
        bound = "" if found.accuracy >= min_accuracy else f"at least {min_accuracy:g} is required"
    if bound:
        raise ExportError(
            f"{measured}{better}; {bound}, so no file was written. Change how pixels are prepared (--preset, "
            "--pixel-range, --mean, --std, --channel-order, --fit), or the order of the labels; "
            "--min-accuracy 0 writes the file anyway"
        )
    click.echo(f"check: {measured}")
    if better:
        click.echo(f"warning: as it is, accuracy is {found.accuracy:.4f}{better}", err=True)


def _clearly_better(found: "Evaluation", card: "ModelCard", otherwise: "Mapping[str, Callable[[], Network]]") -> str:
    """Return a message about the pixel convention that classifies far more images correctly, or an empty text."""
    import numpy as np

    from edgecls import image

    if not otherwise:
        return ""
    chosen = np.unique(np.linspace(0, found.images - 1, min(found.images, COMPARED_IMAGES)).astype(int))
    paths = [found.paths[index] for index in chosen]
    true = found.label_ids[chosen]
    right = found.top_ids[chosen, 0] == true
    pixels = [image.decode_to_fit(image.read_file(path), card.image, name=str(path)) for path in paths]
    most, best = 0, ""
    for options, make in otherwise.items():
        network = make()
        rows = [
            network(np.stack(pixels[start : start + COMPARED_AT_ONCE]))
            for start in range(0, len(pixels), COMPARED_AT_ONCE)
        ]
        right_otherwise = np.concatenate(rows).argmax(axis=1) == true
        won, lost = int((right_otherwise & ~right).sum()), int((right & ~right_otherwise).sum())
        # McNemar's test on the same images.
        if won - lost > max(most, DEVIATIONS * math.sqrt(won + lost)):
            most = won - lost
            best = f"; with {options} it is {right_otherwise.mean():.4f}, on {len(paths)} of them"
    return best
