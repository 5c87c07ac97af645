"""edgecls export: from a Keras network to a model file."""

import importlib.util
import os
import sys
from pathlib import Path

import click
from click.core import ParameterSource

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
from edgecls.commands.keras_import import import_keras
from edgecls.commands.options import image_size_option

__all__ = ["export"]


@click.command(short_help="Turn a Keras classifier into a model file.")
@click.argument("source", metavar="MODEL", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Model file (.onnx) to write; required without --triton.",
)
@click.option(
    "--triton",
    "repository",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a model file that exists already into DIR, a model repository of NVIDIA's Triton Inference Server.",
)
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
@familiarity_option
@check_options
@click.pass_context
def export(
    context: click.Context,
    /,
    source: Path,
    output: Path | None,
    repository: Path | None,
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
    familiarity_data: Path | None,
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

    With --triton DIR, MODEL is a model file (.onnx), and DIR/NAME is written for NVIDIA's Triton Inference
    Server: the network, its configuration with the labels and batching, and the golden samples to warm up with.

    With --familiarity, MODEL may be a model file (.onnx), too: the same is written with a familiarity.
    """
    if repository is not None:
        _export_to_triton(context, source, repository)
        return
    if output is None:
        raise click.UsageError("give the model file to write with --output, or a model repository with --triton")
    if source.suffix == ".onnx":
        _add_familiarity(context, source, output, familiarity_data)
        return
    refuse_a_bound_without_data(check_data, min_accuracy)
    scaling, order = stated_pixels(preset, pixel_range, mean, std, order_name)
    if "keras" not in sys.modules and importlib.util.find_spec("tensorflow"):
        os.environ["KERAS_BACKEND"] = "tensorflow"  # what converts networks, and reads SavedModels
        os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")  # its own one gives no memory back
    import_keras(purpose="exporting")
    from edgecls.atomic_write import check_writable
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
    exported = export_float32(
        keras_source.model, keras_source.card, network=keras_source.network, max_difference=max_difference
    )
    click.echo(f"onnxruntime against Keras: {exported.parity}")
    model = ModelFile(str(output), exported.card, exported.onnx)
    if check_data is not None:
        check_accuracy(model, check_data, min_accuracy, keras_source.otherwise)
    write_with_familiarity(model, output, familiarity_data, check_data)


def _add_familiarity(context: click.Context, source: Path, output: Path, data: Path | None) -> None:
    """Write a model file with a familiarity.

    Raises:
        UsageError: There are no images for it, or there are options that only networks of Keras take.
    """
    from edgecls.atomic_write import check_writable
    from edgecls.modelfile import read_model

    if data is None:
        raise click.UsageError(
            f"{str(source)!r} is ONNX already: make a model file of it with edgecls adopt; or, if it is one, give "
            "--familiarity, or --triton"
        )
    if given := _given_options(context, "output", "familiarity_data"):
        raise click.UsageError(f"a model file is taken as it is; leave {', '.join(given)} out")
    check_writable(output)
    write_with_familiarity(read_model(source), output, data)


def _export_to_triton(context: click.Context, source: Path, repository: Path) -> None:
    """Write a model file into a model repository of Triton.

    Raises:
        UsageError: MODEL is no model file, or there are options that only networks of Keras take.
    """
    from edgecls.export.triton import write_triton_model
    from edgecls.modelfile import read_model

    given = _given_options(context, "repository")
    if given:
        raise click.UsageError(f"--triton takes a model file as it is; leave {', '.join(given)} out")
    if source.suffix != ".onnx":
        raise click.UsageError(
            f"--triton takes a model file (.onnx), not {str(source)!r}; make one first: "
            "edgecls export MODEL -o model.onnx"
        )
    folder = write_triton_model(read_model(source), repository)
    click.echo(f"wrote {folder}")


def _given_options(context: click.Context, *expected: str) -> list[str]:
    """Return the options of the command line, without those whose parameters are `expected`."""
    return [
        param.opts[0]
        for param in context.command.params
        if param.name not in ("source", *expected)
        and param.name is not None
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]
