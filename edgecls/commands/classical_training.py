"""What edgecls train does when the architecture is a classical model."""

from pathlib import Path

import click
from click.core import ParameterSource

from edgecls.commands.status_line import StatusLine
from edgecls.commands.train_options import rare_labels_of
from edgecls.commands.training_output import found_text, prepared_text, print_remarks, test_text
from edgecls.dataset.parts.rare_labels import RareLabels
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models.classical.features import Features, default_features
from edgecls.models.classical.registry import DEFAULT_SIDE
from edgecls.training.classical import ClassicalConfig, ClassicalListener, run_classical_training

__all__ = ["USED_OPTIONS", "train_classical"]

USED_OPTIONS = (
    *("data", "output", "overwrite", "arch", "features", "image_size", "color", "fit", "seed"),
    *("validation_fraction", "keep_rare_in_train", "leave_out_rare"),
)
"""Parameters of edgecls train that mean something here; the others are for networks."""


def train_classical(context: click.Context) -> None:
    """Train with the parameters of `edgecls train` as they were given, and print what comes of it."""
    given = context.params
    without_use = [
        next(name for name in parameter.opts if name.startswith("--"))
        for parameter in context.command.params
        if parameter.name not in USED_OPTIONS
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if without_use:
        click.echo(f"{given['arch']} is no network and takes no notice of {', '.join(without_use)}", err=True)
    height, width = given["image_size"] or (DEFAULT_SIDE, DEFAULT_SIDE)
    image = ImageSpec(height, width, Color(given["color"] or Color.RGB), Fit(given["fit"]))
    config = ClassicalConfig(
        image=image,
        arch=given["arch"],
        features=Features(given["features"]) if given["features"] else default_features(image.color),
        validation_fraction=given["validation_fraction"],
        rare_labels=rare_labels_of(given) or RareLabels.REFUSE,
        seed=given["seed"],
    )
    line = StatusLine()
    listener = ClassicalListener(
        on_found=lambda dataset: line.then(found_text(dataset)),
        on_remarks=print_remarks,
        on_decoded=lambda done, total: line.show(f"decoding pictures {done}/{total}"),
        on_prepared=lambda pictures: line.then(prepared_text(pictures)),
        on_features=lambda done, total: line.show(f"computing features {done}/{total}"),
        on_fitting=lambda: line.show(f"fitting {config.arch} to {config.features}"),
        on_exporting=lambda: line.show("exporting and comparing with the fitted model"),
        on_evaluated=lambda done, total: line.show(f"classifying test pictures {done}/{total}"),
    )
    result = run_classical_training(
        Path(given["data"]), Path(given["output"]), config, replaces_network=given["overwrite"], listener=listener
    )
    scores = result.scores
    line.then(
        f"{config.arch} on {config.features}: accuracy {scores.accuracy:.4f}  "
        f"val_loss {scores.validation_loss:.4f}  val_accuracy {scores.validation_accuracy:.4f}"
    )
    if result.evaluation is not None:
        click.echo(test_text(result.evaluation))
    click.echo(f"onnxruntime against the fitted model: {result.export.parity}")
    click.echo(f"wrote {result.onnx_path} ({result.onnx_path.stat().st_size / 1e6:.2f} MB)")
