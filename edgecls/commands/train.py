"""edgecls train: from labelled images to a model file, by a network or a classical model."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from edgecls.commands.familiarity_options import say_familiarity
from edgecls.commands.keras_import import import_keras
from edgecls.commands.options import model_output_option, tracker_from, tracking_options
from edgecls.commands.terminal import INTERRUPTED, StatusLine
from edgecls.commands.train_options import (
    TimeLeft,
    found_text,
    prepared_text,
    print_origin,
    print_remarks,
    rare_labels_of,
    say_calibration,
    say_mirroring,
    setting_options,
    settings_from,
    test_text,
)
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.image_spec import Color, Fit, ImageSpec

if TYPE_CHECKING:
    from edgecls.evaluation.history import EpochReport
    from edgecls.models.classical.features import Backbone, Features
    from edgecls.training.devices import Devices
    from edgecls.training.trainer import TrainedNetwork

__all__ = ["train"]

CLASSICAL_OPTIONS = (
    *("data", "output", "overwrite", "arch", "features", "backbone", "image_size", "color", "fit", "seed"),
    *("validation_fraction", "keep_rare_in_train", "leave_out_rare", "familiarity", "mlflow", "mlflow_experiment"),
)
"""Parameters of edgecls train that apply to classical models; the others are for networks."""

"""Exit code of a run that was ended by Ctrl-C and whose best epoch was exported: 128 + SIGINT, as in shells."""


@click.command(short_help="Train a classifier on a dataset.")
@click.argument("data", metavar="DATA", type=click.Path(exists=True, path_type=Path))
@model_output_option
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file of settings; options override it.",
)
@setting_options
@click.option(
    "--features",
    type=click.Choice(["pixels", "hog", "hog_color", "backbone"]),
    show_default="hog_color; hog for grey images; backbone with --backbone",
    help="Features for a classical model; networks learn their own.",
)
@click.option(
    "--backbone",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    show_default="the one that comes with edgecls",
    help="Model file whose pooled features a classical model takes (--features backbone).",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Fit a linear classifier to the features of a pretrained network instead of training one: takes seconds, "
    "and needs the extra quick only.",
)
@click.option(
    "--progress",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: standard output gets a line of JSON for each step and one with the results, for programs (--quick).",
)
@click.option(
    "--cache-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="the output's folder",
    help="Folder for decoded images that are kept on disk.",
)
@click.option(
    "--run-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="the output, ending in .run",
    help="Folder for settings, history, report and checkpoint.",
)
@click.option("--resume", is_flag=True, help="Continue the unfinished run in the run directory, with its settings.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace the run in the run directory, finished or not; with a classical model, the network at the same -o.",
)
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard into the run directory.")
@tracking_options
@click.pass_context
def train(
    context: click.Context,
    /,
    data: Path,
    output: Path,
    config_file: Path | None,
    cache_dir: Path | None,
    run_dir: Path | None,
    resume: bool,
    overwrite: bool,
    tensorboard: bool,
    mlflow: str | None,
    mlflow_experiment: str | None,
    features: str | None,
    backbone: Path | None,
    quick: bool,
    progress: str,
    **flags: Any,
) -> None:
    """Train on DATA: a folder with one folder of images for each label, a folder with the folders train, val and
    test, a list file or a CSV.

    Writes the model file and, next to it, the .keras file it was exported from; both completely or
    not at all. With pretrained weights, only the new layers are trained for the first quarter of
    the epochs (at most three), then all layers.

    Ctrl-C ends training and exports the best epoch so far (exit code 130); a second Ctrl-C ends
    immediately. In both cases, as after a crash, --resume continues after the last finished epoch.

    Classical models (decision_tree, kmeans, knn, linear, random_forest, svm, xgboost) are fitted to
    features of the images instead; they ignore options for networks, and there is no .keras file.

    --quick needs no TensorFlow and no GPU, and begins to be useful with ten images a label. Go on
    to full training with the same split: edgecls train flowers.run/split -o better.onnx
    """
    if quick:
        from edgecls.commands.quick_training import train_quickly

        train_quickly(context)
        return
    if progress != "text":
        raise click.UsageError("--progress json is for quick training; add --quick, or leave it out")
    from edgecls.models.classical import classical_names

    if flags["arch"] in classical_names():
        _train_classical(context)
        return
    for name, value in (("features", features), ("backbone", backbone)):
        if value is not None:
            raise click.UsageError(f"--{name} is for classical models; {flags['arch']} is a network and learns its own")
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite cannot be used together")
    tracker = tracker_from(mlflow, mlflow_experiment, data)
    import_keras(purpose="training")
    from edgecls.training.job import Listener, RunOptions, resolve_config, run_training
    from edgecls.training.run_directory import ExistingRun
    from edgecls.training.tracked import TrackedTraining

    existing = ExistingRun.REPLACE_FINISHED
    if resume or overwrite:
        existing = ExistingRun.RESUME if resume else ExistingRun.OVERWRITE
    options = RunOptions(run_dir, existing, cache_dir, tensorboard)
    config = resolve_config(settings_from(context, flags), output, options, config_file=config_file)
    line = StatusLine()
    left = TimeLeft(config.epochs)
    listener = Listener(
        on_found=lambda dataset: line.then(found_text(dataset)),
        on_remarks=print_remarks,
        on_decoded=lambda done, total: line.show(f"decoding images {done}/{total}"),
        on_prepared=lambda images: line.then(prepared_text(images)),
        on_devices=_print_remark,
        on_weights=lambda origin: print_origin(line, origin),
        on_resumed=lambda report: _say_resumed(line, left, report),
        on_batch=lambda done, total, loss, accuracy: line.show(
            f"step {done}/{total}  loss {loss:.4f}  accuracy {accuracy:.4f}  {left.after_step(done, total)}"
        ),
        on_epoch=lambda report: line.then(_epoch_text(report, left.after_epoch(report))),
        on_exporting=lambda trained: _show_exporting(line, trained),
        on_features=lambda done, total: line.show(f"computing features of images {done}/{total}"),
        on_evaluated=lambda done, total: line.show(f"classifying images for the report {done}/{total}"),
    )
    with TrackedTraining(tracker, output.stem, config) as tracked:
        result = run_training(data, output, config, options=options, listener=tracked.listening(listener))
        tracked.finish(result)
    best = result.trained.best
    line.then(f"best epoch {best.epoch}: validation accuracy {best.validation_accuracy:.4f}")
    say_calibration(result.model.calibration, result.model.rejected)
    if result.model.unknown_threshold is not None:
        click.echo(f"unknown below a probability of {result.model.unknown_threshold:g}")
    say_familiarity(result.export.card.familiarity, result.unfamiliar)
    if result.has_test:
        click.echo(test_text(result.evaluation))
    say_mirroring(result.mirroring, is_flipped=config.augment and config.augmentation.flip)
    click.echo(f"onnxruntime against Keras: {result.export.parity}")
    click.echo(f"wrote {result.onnx_path} ({result.onnx_path.stat().st_size / 1e6:.2f} MB) and {result.keras_path}")
    click.echo(f"wrote {result.run.report_path}")
    if not result.trained.is_complete:
        click.echo(f"the run in {result.run.path} is not finished; continue it with --resume", err=True)
        context.exit(INTERRUPTED)


def _train_classical(context: click.Context) -> None:
    """Train a classical model with the parameters of `edgecls train`, and print the results."""
    from edgecls.evaluation.record import headline_metrics
    from edgecls.models.classical.features import Features
    from edgecls.models.classical.registry import DEFAULT_SIDE
    from edgecls.training.classical import ClassicalConfig, ClassicalListener, run_classical_training

    given = context.params
    without_use = [
        next(name for name in parameter.opts if name.startswith("--"))
        for parameter in context.command.params
        if parameter.name not in CLASSICAL_OPTIONS
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if without_use:
        click.echo(f"{given['arch']} is not a network and ignores {', '.join(without_use)}", err=True)
    features = _classical_features(given)
    fit = Fit(given["fit"])
    backbone = None
    if features is Features.BACKBONE:
        backbone = _backbone(given, fit)
        height, width, color = backbone.image.height, backbone.image.width, backbone.image.color
    else:
        height, width, color = DEFAULT_SIDE, DEFAULT_SIDE, Color.RGB
    height, width = given["image_size"] or (height, width)
    config = ClassicalConfig(
        image=ImageSpec(height, width, Color(given["color"] or color), fit),
        arch=given["arch"],
        features=features,
        validation_fraction=given["validation_fraction"],
        rare_labels=rare_labels_of(given) or RareLabels.REFUSE,
        seed=given["seed"],
        backbone=backbone,
        familiarity=given["familiarity"],
    )
    line = StatusLine()
    listener = ClassicalListener(
        on_found=lambda dataset: line.then(found_text(dataset)),
        on_remarks=print_remarks,
        on_decoded=lambda done, total: line.show(f"decoding images {done}/{total}"),
        on_prepared=lambda images: line.then(prepared_text(images)),
        on_features=lambda done, total: line.show(f"computing features {done}/{total}"),
        on_fitting=lambda: line.show(f"fitting {config.arch} to {config.features}"),
        on_exporting=lambda: line.show("exporting and comparing with the fitted model"),
        on_evaluated=lambda done, total: line.show(f"classifying test images {done}/{total}"),
    )
    data, output = Path(given["data"]), Path(given["output"])
    tracker = tracker_from(given["mlflow"], given["mlflow_experiment"], data)
    run = None if tracker is None else tracker.run(output.stem, settings=config.as_facts())
    with run or contextlib.nullcontext():
        result = run_classical_training(data, output, config, replaces_network=given["overwrite"], listener=listener)
        if run is not None:
            run.log_metrics(asdict(result.scores))
            if result.evaluation is not None:
                run.log_metrics(headline_metrics(result.evaluation, prefix="final_test_"))
            run.log_files(result.onnx_path)
    scores = result.scores
    say_familiarity(result.export.card.familiarity, result.unfamiliar)
    line.then(
        f"{config.arch} on {config.features}: accuracy {scores.accuracy:.4f}  "
        f"val_loss {scores.validation_loss:.4f}  val_accuracy {scores.validation_accuracy:.4f}"
    )
    if result.evaluation is not None:
        click.echo(test_text(result.evaluation))
    click.echo(f"onnxruntime against the fitted model: {result.export.parity}")
    click.echo(f"wrote {result.onnx_path} ({result.onnx_path.stat().st_size / 1e6:.2f} MB)")


def _classical_features(given: Mapping[str, Any]) -> "Features":
    """Return the features that a classical model is fitted to.

    Raises:
        click.UsageError: A backbone is given, but other features than its own.
    """
    from edgecls.models.classical.features import Features, default_features

    named = given["features"]
    if given["backbone"] is not None and named not in (None, Features.BACKBONE):
        raise click.UsageError(f"--backbone gives features of its own; leave out --features {named}")
    if named is not None:
        return Features(named)
    if given["backbone"] is not None:
        return Features.BACKBONE
    return default_features(Color(given["color"] or Color.RGB))


def _backbone(given: Mapping[str, Any], fit: Fit) -> "Backbone":
    from edgecls.export.familiarity.backbone import BUNDLED_SIDE, bundled_backbone, cut_backbone
    from edgecls.modelfile import read_model

    if given["backbone"] is not None:
        return cut_backbone(read_model(given["backbone"]))
    return bundled_backbone(ImageSpec(BUNDLED_SIDE, BUNDLED_SIDE, fit=fit))


def _print_remark(devices: "Devices") -> None:
    if devices.remark:
        click.echo(devices.remark, err=True)


def _say_resumed(line: StatusLine, left: TimeLeft, report: "EpochReport") -> None:
    left.after_epoch(report)
    line.then(f"resuming after epoch {report.epoch}/{report.epochs}")


def _epoch_text(report: "EpochReport", left: str) -> str:
    return (
        f"epoch {report.epoch}/{report.epochs} ({report.stage})  "
        f"loss {report.loss:.4f}  accuracy {report.accuracy:.4f}  "
        f"val_loss {report.validation_loss:.4f}  val_accuracy {report.validation_accuracy:.4f}  "
        f"{report.duration_s:.1f} s{f', {left}' if left else ''}{'  best' if report.is_best else ''}"
    )


def _show_exporting(line: StatusLine, trained: "TrainedNetwork") -> None:
    if not trained.is_complete:
        click.echo(f"\nstopped after {len(trained.history)} epochs; exporting the best of them", err=True)
    line.show("exporting and comparing with Keras")
