"""edgecls train --quick: a linear classifier on the features of the bundled backbone."""

import contextlib
from pathlib import Path

import click
from click.core import ParameterSource

from edgecls.commands.familiarity_options import say_familiarity
from edgecls.commands.options import tracker_from
from edgecls.commands.terminal import StatusLine
from edgecls.commands.train_options import (
    found_text,
    prepared_text,
    print_remarks,
    rare_labels_of,
    say_calibration,
    say_mirroring,
    test_text,
    unknown_threshold_of,
)
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.image_spec import Fit

__all__ = ["train_quickly"]

QUICK_OPTIONS = (
    *("data", "output", "quick", "overwrite", "run_dir", "cache_dir", "cache", "fit", "seed", "class_weights"),
    *("validation_fraction", "keep_rare_in_train", "leave_out_rare", "augment", "augment_flip"),
    *("calibrate", "unknown_threshold", "familiarity", "mlflow", "mlflow_experiment"),
)
"""Parameters of edgecls train that apply to quick training; the others are refused."""


def train_quickly(context: click.Context) -> None:
    """Train with the parameters of `edgecls train`, and print the results.

    Raises:
        click.UsageError: An option is given that has no meaning here.
    """
    given = context.params
    without_use = [
        next(name for name in parameter.opts if name.startswith("--"))
        for parameter in context.command.params
        if parameter.name not in QUICK_OPTIONS
        and context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    ]
    if without_use:
        raise click.UsageError(
            f"--quick fits a linear classifier to the features of one network and cannot be used with "
            f"{', '.join(without_use)}; leave {'it' if len(without_use) == 1 else 'them'} out, or leave out --quick"
        )
    from edgecls.dataset.cache_kind import Cache
    from edgecls.evaluation.record import headline_metrics
    from edgecls.training.quick.config import QuickConfig
    from edgecls.training.quick.job import QuickListener, run_quick_training

    config = QuickConfig(
        fit=Fit(given["fit"]),
        validation_fraction=given["validation_fraction"]
        if context.get_parameter_source("validation_fraction") is not ParameterSource.DEFAULT
        else None,
        rare_labels=rare_labels_of(given) or RareLabels.REFUSE,
        seed=given["seed"],
        augment=given["augment"],
        flip=given["augment_flip"],
        balanced=given["class_weights"] == "balanced",
        calibrate=given["calibrate"],
        unknown_threshold=unknown_threshold_of(given["unknown_threshold"]),
        familiarity=given["familiarity"],
    )
    line = StatusLine()
    listener = QuickListener(
        on_found=lambda dataset: line.then(found_text(dataset)),
        on_compared=lambda done, total: line.show(f"looking for duplicates {done}/{total}"),
        on_remarks=print_remarks,
        on_decoded=lambda done, total: line.show(f"decoding images {done}/{total}"),
        on_prepared=lambda images: line.then(prepared_text(images)),
        on_features=lambda done, total: line.show(f"computing features {done}/{total}"),
        on_fitting=lambda: line.show("fitting"),
        on_exporting=lambda: line.show("exporting and comparing with the fitted model"),
        on_evaluated=lambda done, total: line.show(f"classifying images for the report {done}/{total}"),
    )
    data, output = Path(given["data"]), Path(given["output"])
    tracker = tracker_from(given["mlflow"], given["mlflow_experiment"], data)
    run = None if tracker is None else tracker.run(output.stem, settings=config.as_facts())
    with run or contextlib.nullcontext():
        result = run_quick_training(
            data,
            output,
            config,
            run_directory=given["run_dir"],
            overwrite=given["overwrite"],
            cache=Cache(given["cache"]),
            cache_folder=given["cache_dir"],
            listener=listener,
        )
        if run is not None:
            run.log_metrics(result.metrics)
            prefix = "final_test_" if result.has_test else "final_validation_"
            run.log_metrics(headline_metrics(result.evaluation, prefix=prefix))
            run.log_files(result.onnx_path, result.run.report_path)
    metrics, card = result.metrics, result.export.card
    which = "validation" if result.folds is None else f"{result.folds}-fold cross-validated"
    line.then(
        f"{which} accuracy {metrics['validation_accuracy']:.4f}, training accuracy {metrics['accuracy']:.4f} "
        f"({result.views} view{'' if result.views == 1 else 's'} of each image)"
    )
    say_calibration(result.calibration, result.rejected)
    if card.unknown_threshold is not None:
        click.echo(f"unknown below a probability of {card.unknown_threshold:g}")
    say_familiarity(card.familiarity, result.unfamiliar)
    if result.has_test:
        click.echo(test_text(result.evaluation))
    if result.mirroring is not None:
        image = "validation image" if result.folds is None else "image"
        say_mirroring(result.mirroring, is_flipped=config.augment and config.flip, image=image)
    click.echo(f"onnxruntime against scikit-learn: {result.export.parity}")
    click.echo(f"wrote {result.onnx_path} ({result.onnx_path.stat().st_size / 1e6:.2f} MB)")
    click.echo(f"wrote {result.run.report_path}")
    if result.split is not None:
        what = "split" if result.folds is None else "images"
        click.echo(f"train a whole network on the same {what}: edgecls train {result.split} -o OTHER.onnx")
