"""edgecls adopt: from an ONNX classifier of another program's making to a model file."""

import math
from pathlib import Path

import click

from edgecls.commands.shared_options import image_size_option, model_output_option

__all__ = ["adopt"]


class _Numbers(click.ParamType[tuple[float, ...]]):
    """One number for all channels, or three with commas between."""

    name = "NUMBERS"

    def convert(
        self, value: str | tuple[float, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in value.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
            self.fail(f"{value!r} is not 1 number or 3; give them with commas, as 0.485,0.456,0.406", param, ctx)
        return numbers


@click.command()
@click.argument("source", metavar="FOREIGN.onnx", type=click.Path(dir_okay=False, path_type=Path))
@model_output_option
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Text file (UTF-8) with the labels, one a line, in the order of the outputs.",
)
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with a few real pictures for the golden samples and the parity gate.",
)
@click.option(
    "--preset",
    type=click.Choice(["torchvision", "tensorflow", "caffe", "none"]),
    help="Convention for pixels: torchvision (0 to 1, ImageNet's mean and std), tensorflow (-1 to 1), "
    "caffe (0 to 255 minus ImageNet's mean, BGR), none (0 to 255 as they are).",
)
@click.option(
    "--pixel-range",
    type=(float, float),
    metavar="LOW HIGH",
    help="What black and white become before mean and std; 0 1 if only those are given.",
)
@click.option(
    "--mean", type=_Numbers(), help="Taken off, in the unit of --pixel-range and in the network's order of channels."
)
@click.option("--std", type=_Numbers(), help="Divided by after that, likewise.")
@click.option("--color", type=click.Choice(["rgb", "bgr", "gray"]), help="Channels that the network takes.")
@click.option(
    "--layout", type=click.Choice(["nchw", "nhwc"]), help="Order of dimensions, where the shape leaves it open."
)
@image_size_option
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    default="crop",
    show_default=True,
    help="How pictures become the network's size.",
)
@click.option(
    "--scores",
    type=click.Choice(["logits", "probabilities"]),
    help="What the network gives; found out by running it if left out.",
)
@click.option("--output-name", metavar="NAME", help="Which output to use, where several have the right shape.")
@click.option(
    "--background-class",
    type=click.Choice(["first", "last", "none"]),
    default="none",
    show_default=True,
    help="Leave out the first or last output, which stands for none of the labels.",
)
@click.option(
    "--architecture", metavar="NAME", show_default="the file's name", help="Name of the design, for the card."
)
@click.option(
    "--max-difference",
    type=click.FloatRange(min=0),
    show_default="1e-5, 1e-3 for float16",
    help="Largest difference of any probability between the original and the model file.",
)
def adopt(
    source: Path,
    output: Path,
    labels_file: Path,
    samples: Path,
    preset: str | None,
    pixel_range: tuple[float, float] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    color: str | None,
    layout: str | None,
    image_size: tuple[int, int] | None,
    fit: str,
    scores: str | None,
    output_name: str | None,
    background_class: str,
    architecture: str | None,
    max_difference: float | None,
) -> None:
    """Turn an ONNX classifier from any framework into a self-describing model file.

    Scaling of pixels, order of channels, softmax and a free batch become part of the file. What is
    not given and cannot be told from the network is asked for.

    The file is written only if it answers like the original, whose pixels are prepared with numpy,
    on the samples and on random pictures, one by one and in batches.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.export.foreign.adopt import adopt_file
    from edgecls.export.foreign.facts import StatedPipeline
    from edgecls.export.foreign.pipeline import BackgroundClass, Layout, Scores
    from edgecls.export.foreign.pixel_scaling import PRESETS, ChannelOrder, PixelScaling
    from edgecls.export.labels_file import read_labels
    from edgecls.image_spec import Fit

    order = None if color is None else ChannelOrder(color)
    scaling = None
    if preset is not None:
        if pixel_range or mean or std:
            raise click.UsageError("--preset says it all; leave it out, or --pixel-range, --mean and --std")
        scaling = PRESETS[preset].scaling
        if PRESETS[preset].order is ChannelOrder.BGR and order not in (None, ChannelOrder.BGR):
            raise click.UsageError(f"--preset {preset} is for bgr, not for {order}; give --mean instead")
        if PRESETS[preset].order is ChannelOrder.BGR:
            order = ChannelOrder.BGR
    elif pixel_range or mean or std:
        scaling = PixelScaling(*(pixel_range or (0.0, 1.0)), mean or (0.0,), std or (1.0,))
    check_writable(output)
    stated = StatedPipeline(
        labels=read_labels(labels_file),
        samples=samples,
        fit=Fit(fit),
        image_size=image_size,
        layout=None if layout is None else Layout(layout),
        order=order,
        scaling=scaling,
        output_name=output_name,
        scores=None if scores is None else Scores(scores),
        background=BackgroundClass(background_class),
        architecture=architecture,
    )
    adoption = adopt_file(source, stated, max_difference=max_difference)
    with whole_files(output) as (temporary,):
        temporary.write_bytes(adoption.export.onnx)
    for remark in adoption.remarks:
        click.echo(remark, err=True)
    card = adoption.export.card
    for sample in card.golden.samples:
        probability, label = max(zip(sample.probabilities, card.labels, strict=True))
        shown = "".join(char if char.isprintable() else "?" for char in sample.name)
        click.echo(f"sample {shown}: {label} {probability:.3f}", err=True)
    click.echo(f"model file against original: {adoption.export.parity}")
    click.echo(f"wrote {output} ({len(adoption.export.onnx) / 1e6:.2f} MB)")
