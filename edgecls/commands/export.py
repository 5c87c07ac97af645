"""edgecls export: from a Keras network to a model file."""

import importlib.util
import os
import sys
from pathlib import Path

import click

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
from edgecls.commands.terminal import import_keras

__all__ = ["export"]


@click.command(short_help="Turn a Keras classifier into a model file.")
@click.argument("source", metavar="MODEL", type=click.Path(path_type=Path))
@model_output_option
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a few real images for the golden samples and the parity gate.",
)
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default="labels.txt or similar next to MODEL",
    help="Text file (UTF-8) with one label per line, in the order of the outputs; or JSON.",
)
@number_duplicates_option
@click.option("--fit", type=click.Choice(["stretch", "crop", "pad"]), help="How images are resized to fit the network.")
@image_size_option
@pixel_options
@click.option("--logits", is_flag=True, help="The network ends before its softmax (or sigmoid): append it.")
@click.option(
    "--max-difference",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="Largest allowed difference of any probability between Keras and onnxruntime.",
)
@check_options
def export(
    source: Path,
    output: Path,
    samples: Path | None,
    labels_file: Path | None,
    number_duplicates: bool,
    fit: str | None,
    image_size: tuple[int, int] | None,
    preset: str | None,
    pixel_range: tuple[float, float] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    order_name: str | None,
    layout: str | None,
    logits: bool,
    max_difference: float,
    check_data: Path | None,
    min_accuracy: float | None,
) -> None:
    """Turn a Keras classifier into a self-describing model file.

    MODEL is a .keras file, an .h5 file with a whole model (also of Keras 2), or the folder of a
    TensorFlow SavedModel.

    Files written by edgecls train contain their labels and samples, and exports of Teachable Machine
    need no options either. For other networks give --samples, --labels unless a file next to MODEL has
    them, and --preset or --pixel-range where the network takes floats. A network with a single output,
    as for cats and dogs, needs two labels: its output is the probability of the second.

    Pixels prepared differently than in training cause no error, only wrong predictions: use --check to
    measure the model file on labelled images before it is written.

    The file is written only if onnxruntime and Keras give the same probabilities for the samples and
    for random images, one by one and in batches.
    """
    refuse_a_bound_without_data(check_data, min_accuracy)
    scaling, order = stated_pixels(preset, pixel_range, mean, std, order_name)
    if "keras" not in sys.modules and importlib.util.find_spec("tensorflow"):
        os.environ["KERAS_BACKEND"] = "tensorflow"  # what converts networks, and reads SavedModels
    import_keras(purpose="exporting")
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.export.from_keras.convert import check_converter
    from edgecls.export.from_keras.export import export_float32
    from edgecls.export.from_keras.input_form import StatedFacts
    from edgecls.export.from_keras.source import read_keras_source
    from edgecls.export.labels_file import read_labels
    from edgecls.export.pixel_scaling import Layout
    from edgecls.image_spec import Fit
    from edgecls.modelfile import ModelFile

    check_writable(output)
    check_converter()
    duplicates = duplicates_of(number_duplicates)
    stated = StatedFacts(
        labels=None if labels_file is None else read_labels(labels_file, duplicates=duplicates),
        duplicates=duplicates,
        fit=None if fit is None else Fit(fit),
        image_size=image_size,
        layout=None if layout is None else Layout(layout),
        order=order,
        scaling=scaling,
        samples=samples,
        logits=logits,
    )
    keras_source = read_keras_source(source, stated)
    for remark in keras_source.remarks:
        click.echo(remark, err=True)
    exported = export_float32(keras_source.model, keras_source.card, max_difference=max_difference)
    click.echo(f"onnxruntime against Keras: {exported.parity}")
    if check_data is not None:
        check_accuracy(
            ModelFile(str(output), exported.card, exported.onnx), check_data, min_accuracy, keras_source.otherwise
        )
    with whole_files(output) as (temporary,):
        temporary.write_bytes(exported.onnx)
    click.echo(f"wrote {output} ({len(exported.onnx) / 1e6:.2f} MB)")
