"""edgecls export: from a Keras network to a model file."""

from pathlib import Path

import click

from edgecls.commands.native_output import import_keras
from edgecls.commands.shared_options import image_size_option, model_output_option

__all__ = ["export"]


@click.command()
@click.argument("source", metavar="MODEL", type=click.Path(path_type=Path))
@model_output_option
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with a few real pictures for the golden samples and the parity gate.",
)
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Text file (UTF-8) with the labels, one a line, in the order of the outputs.",
)
@click.option("--fit", type=click.Choice(["stretch", "crop", "pad"]), help="How pictures become the network's size.")
@image_size_option
@click.option(
    "--pixel-range",
    type=(float, float),
    metavar="LOW HIGH",
    help="What the network wants black and white to be, if it takes floats and does not scale them itself.",
)
@click.option("--logits", is_flag=True, help="The network ends before its softmax (or sigmoid): put it behind.")
@click.option(
    "--max-difference",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="Largest difference of any probability between Keras and onnxruntime.",
)
def export(
    source: Path,
    output: Path,
    samples: Path | None,
    labels_file: Path | None,
    fit: str | None,
    image_size: tuple[int, int] | None,
    pixel_range: tuple[float, float] | None,
    logits: bool,
    max_difference: float,
) -> None:
    """Turn a Keras classifier into a self-describing model file.

    MODEL is a .keras file, an .h5 file with a whole model (of Keras 2 too), or the folder of a
    TensorFlow SavedModel.

    A file that edgecls train wrote knows its labels and samples itself. For any other give
    --labels and --samples, and --pixel-range where the network takes floats. A network with a
    single output, as for cats and dogs, takes two labels: it gives the probability of the second.

    The file is written only if onnxruntime answers like Keras on the samples and on random
    pictures, one by one and in batches.
    """
    import_keras(purpose="exporting")
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.export.export import export_float32
    from edgecls.export.from_keras.source import StatedFacts, read_keras_source
    from edgecls.export.labels_file import read_labels
    from edgecls.image_spec import Fit

    check_writable(output)
    stated = StatedFacts(
        labels=None if labels_file is None else read_labels(labels_file),
        fit=None if fit is None else Fit(fit),
        image_size=image_size,
        pixel_range=pixel_range,
        samples=samples,
        logits=logits,
    )
    keras_source = read_keras_source(source, stated)
    exported = export_float32(keras_source.model, keras_source.card, max_difference=max_difference)
    with whole_files(output) as (temporary,):
        temporary.write_bytes(exported.onnx)
    click.echo(f"onnxruntime against Keras: {exported.parity}")
    click.echo(f"wrote {output} ({len(exported.onnx) / 1e6:.2f} MB)")
