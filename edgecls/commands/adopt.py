"""edgecls adopt: from an ONNX classifier of another program to a model file."""

from pathlib import Path

import click

from edgecls.commands.familiarity_options import familiarity_option, write_with_familiarity
from edgecls.commands.foreign_options import (
    check_accuracy,
    check_options,
    duplicates_of,
    number_duplicates_option,
    pixel_options,
    refuse_a_bound_without_data,
    stated_pixels,
)
from edgecls.commands.options import image_size_option, model_output_option

__all__ = ["adopt"]


@click.command(short_help="Turn any ONNX classifier into a model file.")
@click.argument("source", metavar="FOREIGN.onnx", type=click.Path(dir_okay=False, path_type=Path))
@model_output_option
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default="as the network names its outputs, else labels.txt or similar next to it",
    help="Text file (UTF-8) with one label per line, in the order of the outputs; or JSON.",
)
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with a few real images for the golden samples and the parity gate.",
)
@number_duplicates_option
@pixel_options
@image_size_option
@click.option(
    "--fit",
    type=click.Choice(["stretch", "crop", "pad"]),
    default="crop",
    show_default=True,
    help="How images are resized to fit the network.",
)
@click.option(
    "--scores",
    type=click.Choice(["logits", "probabilities"]),
    help="What the network outputs; determined by running it by default.",
)
@click.option("--output-name", metavar="NAME", help="Output to use, if several have the right shape.")
@click.option(
    "--output-quantization",
    type=(click.FloatRange(min=0, min_open=True), int),
    metavar="SCALE ZERO_POINT",
    help="Quantization of integer scores, if the network does not state it.",
)
@click.option(
    "--background-class",
    type=click.Choice(["first", "last", "none"]),
    default="none",
    show_default=True,
    help="Drop the first or last output, which stands for none of the labels.",
)
@click.option(
    "--architecture",
    metavar="NAME",
    show_default="the file's name",
    help="Architecture to record in the model card.",
)
@click.option(
    "--max-difference",
    type=click.FloatRange(min=0),
    show_default="1e-5, 1e-3 for float16",
    help="Largest allowed difference of any probability between the original and the model file.",
)
@familiarity_option
@check_options
def adopt(
    source: Path,
    output: Path,
    labels_file: Path | None,
    samples: Path,
    number_duplicates: bool,
    preset: str | None,
    pixel_range: tuple[float, float] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    order_name: str | None,
    layout: str | None,
    image_size: tuple[int, int] | None,
    fit: str,
    scores: str | None,
    output_name: str | None,
    output_quantization: tuple[float, int] | None,
    background_class: str,
    architecture: str | None,
    max_difference: float | None,
    familiarity_data: Path | None,
    check_data: Path | None,
    min_accuracy: float | None,
) -> None:
    """Turn an ONNX classifier from any framework into a self-describing model file.

    The scaling of pixels, the channel order, the softmax and a dynamic batch size become part of the
    file. An error names the options for whatever the network does not tell.

    The file is written only if it gives the same probabilities as the original, whose pixels are
    prepared with numpy, for the samples and for random images, one by one and in batches.
    """
    from edgecls.atomic_write import check_writable
    from edgecls.export.foreign.adopt import adopt_file
    from edgecls.export.foreign.facts import StatedPipeline
    from edgecls.export.foreign.pipeline import BackgroundClass, Quantization, Scores
    from edgecls.export.labels_file import read_labels
    from edgecls.export.pixel_scaling import Layout
    from edgecls.image_spec import Fit
    from edgecls.modelfile import ModelFile

    refuse_a_bound_without_data(check_data, min_accuracy)
    scaling, order = stated_pixels(preset, pixel_range, mean, std, order_name)
    check_writable(output)
    duplicates = duplicates_of(number_duplicates)
    labels = None if labels_file is None else read_labels(labels_file, duplicates=duplicates)
    stated = StatedPipeline(
        labels=None if labels is None else labels.labels,
        samples=samples,
        fit=Fit(fit),
        image_size=image_size,
        layout=None if layout is None else Layout(layout),
        order=order,
        scaling=scaling,
        output_name=output_name,
        scores=None if scores is None else Scores(scores),
        background=BackgroundClass(background_class),
        quantization=None if output_quantization is None else Quantization(*output_quantization),
        architecture=architecture,
        duplicates=duplicates,
    )
    adoption = adopt_file(source, stated, max_difference=max_difference)
    for remark in (*(labels.remarks if labels else ()), *adoption.remarks):
        click.echo(remark, err=True)
    card = adoption.export.card
    for sample in card.golden.samples:
        probability, label = max(zip(sample.probabilities, card.labels, strict=True))
        name = "".join(char if char.isprintable() else "?" for char in sample.name)
        click.echo(f"sample {name}: {label} {probability:.3f}", err=True)
    click.echo(f"model file against original: {adoption.export.parity}")
    model = ModelFile(str(output), card, adoption.export.onnx)
    if check_data is not None:
        check_accuracy(model, check_data, min_accuracy, adoption.otherwise)
    write_with_familiarity(model, output, familiarity_data, check_data)
