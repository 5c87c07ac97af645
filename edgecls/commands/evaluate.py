"""edgecls evaluate: metrics of a model on labelled images."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.against_held_out import compare_with_held_out
from edgecls.commands.cluster_options import cluster_options, is_on_cluster, output_folder_option
from edgecls.commands.options import (
    ModelPath,
    ignore_option,
    limits_option,
    min_familiarity_option,
    provider_option,
    split_option,
    tracker_from,
    tracking_options,
    unknown_threshold_option,
)

if TYPE_CHECKING:
    from edgecls.evaluation.foreign import ForeignImages
    from edgecls.evaluation.record import Evaluation
    from edgecls.model_card import ModelCard
    from edgecls.tracking import Tracker

__all__ = ["evaluate"]

FOREIGN_LABELS = 5  # that are named


class _Data(click.Path):
    """A path that exists, or a URI."""

    def __init__(self) -> None:
        super().__init__(exists=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if "://" in str(value) else super().convert(value, param, ctx)


@click.command(short_help="Measure a model on labelled images; write a report.")
@click.argument("model", type=ModelPath())
@click.argument("data", type=_Data(), required=False)
@click.option(
    "--against",
    metavar="MODEL",
    type=ModelPath(),
    help="Compare the images of a folder, without labels, with the held-out images of MODEL: --against MODEL DIR.",
)
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Also write a report with images (.html)."
)
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--top-k",
    "top",
    metavar="K",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Also give the top-K accuracy: the true label is among the K most probable.",
)
@split_option
@ignore_option
@provider_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="the cores this process may use",
    help="Images to process at once.",
)
@unknown_threshold_option
@min_familiarity_option
@click.option(
    "--foreign",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Also count how many images below DIR, which show nothing that has a label, get one all the same.",
)
@limits_option
@tracking_options
@output_folder_option
@cluster_options
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    model: Path,
    data: str | None,
    against: Path | None,
    report: Path | None,
    output_format: str,
    top: int,
    split: str,
    ignore_unknown_labels: bool,
    provider: str,
    threads: int | None,
    unknown_threshold: float | None,
    min_familiarity: float | str | None,
    foreign: Path | None,
    max_megapixels: float,
    mlflow: str | None,
    mlflow_experiment: str | None,
    **cluster: Any,
) -> None:
    """Measure MODEL, a model file, on the labelled images of DATA.

    DATA is a folder with one folder of images for each label, a dataset divided into train, val and test, a list
    file or a CSV; with --on ray also the URI of such a folder, as s3://bucket/photos. Images that cannot be used are
    listed, and the exit code is then 1.

    With --against MODEL, the only argument is a folder (or an image): do its images look like the held-out images
    that MODEL describes? Neither labels nor class folders are needed.
    """
    if against is not None:
        compare_with_held_out(ctx, against)
        return
    if data is None:
        raise click.UsageError("Missing argument 'DATA'.")
    on_cluster = is_on_cluster(ctx)
    if "://" in data and not on_cluster:
        raise click.UsageError(f"{data!r} goes with --on ray; without it, DATA is a path on this machine")
    from edgecls.atomic_write import check_writable
    from edgecls.commands.terminal import StatusLine, announce_provider
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.evaluation.evaluate import choose_split, without_foreign_labels
    from edgecls.evaluation.evaluate import evaluate as run_evaluation
    from edgecls.evaluation.foreign import classify_foreign, foreign_to_dict
    from edgecls.evaluation.record import evaluation_to_dict
    from edgecls.image import read_file
    from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
    from edgecls.plots.figure import check_can_draw
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    if report is not None:  # before the long work
        check_writable(report)
    if report is not None or mlflow is not None:
        check_can_draw()
    tracker = tracker_from(mlflow, mlflow_experiment, Path(data))
    others = None
    if on_cluster:
        from edgecls.commands.run_on_ray import ClusterOptions, evaluate_on_ray
        from edgecls.distributed.evaluation import ClusterData
        from edgecls.modelfile import read_model

        model_file, dataset = read_model(model), ClusterData(data)
        card, read = model_file.card, dataset.read
        split, found = evaluate_on_ray(
            model_file,
            dataset,
            split=split,
            ignore_unknown_labels=ignore_unknown_labels,
            provider=provider,
            unknown_threshold=unknown_threshold,
            min_familiarity=min_familiarity,
            max_megapixels=max_megapixels,
            cluster=ClusterOptions(**cluster),
        )
        data = dataset.shown
    else:
        limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
        classifier = load(
            model, provider, limits=limits, unknown_threshold=unknown_threshold, min_familiarity=min_familiarity
        )
        announce_provider(classifier)
        card, read = classifier.card, read_file
        split, images = choose_split(read_dataset(Path(data)), split)
        if ignore_unknown_labels:
            images = without_foreign_labels(images, card.labels)
        line = StatusLine()
        found = run_evaluation(
            classifier,
            images,
            workers=threads or usable_cores(),
            on_progress=lambda done, total: line.show(f"classifying images {done}/{total}"),
        )
        if foreign is not None:
            if not classifier.has_familiarity:
                click.echo(
                    "the model does not judge familiarity, so foreign images are told apart by the largest probability "
                    "alone; 'edgecls export --familiarity DIR' adds it",
                    err=True,
                )
            others = classify_foreign(
                classifier,
                foreign,
                found,
                workers=threads or usable_cores(),
                on_progress=lambda done, total: line.show(f"classifying foreign images {done}/{total}"),
            )
        line.show("")
    for error in [*found.failures.values(), *(others.failures.values() if others else ())]:
        click.echo(f"left out: {error}", err=True)
    if output_format == "json":
        facts = {"model": str(model), "name": card.name, "data": data, "split": split}
        further = {"foreign": foreign_to_dict(others) if others else None}
        click.echo(json.dumps({**facts, **evaluation_to_dict(found, top=top), **further}, ensure_ascii=False, indent=2))
    else:
        _print_table(found, top=top, split=split)
        if others is not None:
            _print_foreign(others)
    if report is not None:
        from edgecls.evaluation.report import write_report

        write_report(
            report,
            found,
            card=card,
            data_name=data,
            split=split,
            model_bytes=model.stat().st_size,
            foreign=others,
            read=read,
        )
        click.echo(f"wrote {report}", err=True)
    if tracker is not None:
        _log(tracker, found, card, model, Path(data), split=split, report=report)
    if found.failures or (others and others.failures):
        sys.exit(1)


def _log(
    tracker: "Tracker",
    found: "Evaluation",
    card: "ModelCard",
    model: Path,
    data: Path,
    *,
    split: str,
    report: Path | None,
) -> None:
    """Log an evaluation to MLflow: what was measured on what, the metrics, the model file and a report."""
    import tempfile

    from edgecls.evaluation.record import headline_metrics
    from edgecls.evaluation.report import write_report

    facts = {"model": str(model), "architecture": card.architecture, "precision": card.precision, "data": str(data)}
    settings = {**facts, "split": split, "provider": found.provider, "labels": len(found.labels)}
    with (
        tracker.run(f"{model.stem} on {data.absolute().name}", settings=settings) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        run.log_metrics({**headline_metrics(found), "images": found.images, "unused_images": len(found.failures)})
        if report is None:
            report = Path(folder) / "report.html"
            size = model.stat().st_size
            write_report(report, found, card=card, data_name=str(data), split=split, model_bytes=size)
        run.log_files(report, model)


def _print_table(found: "Evaluation", *, top: int, split: str) -> None:
    from edgecls.commands.terminal import padded, width

    low, high = found.accuracy_interval
    best = min(top, len(found.labels))
    label, baseline = found.baseline
    rows = {
        "images": f"{found.images} ({split})",
        "accuracy": f"{found.accuracy:.4f} (95 % interval {low:.4f} to {high:.4f})",
        f"top-{best} accuracy": f"{found.top_accuracy(best):.4f}" if best > 1 else "",
        "baseline": f"{baseline:.4f} (always {label})",
        "macro F1": f"{found.macro.f1:.4f}",
        "loss": f"{found.loss:.4f}",
        "calibration": f"{found.calibration_error:.4f} expected error",
    }
    if facts := found.unknown:
        why = {"unlike": facts.min_familiarity, "undecided": facts.threshold}
        counts = {"unlike": facts.unlike, "undecided": facts.rejected - facts.unlike}
        limits = [f"{counts[name]} {name} (below {limit:.4g})" for name, limit in why.items() if limit is not None]
        rows["unknown"] = f"{', '.join(limits)}; {facts.rejected_wrong} of them would have been wrong"
    for key, value in rows.items():
        if value:
            click.echo(f"{key:<14}  {value}")
    column = max(map(width, ("label", *found.labels)))
    click.echo(f"\n{padded('label', column)}  images  precision  recall      F1")
    for entry in found.per_label:
        scores = ["   n/a" if value is None else f"{value:.4f}" for value in (entry.precision, entry.recall, entry.f1)]
        click.echo(f"{padded(entry.label, column)}  {entry.support:8d}     {scores[0]}  {scores[1]}  {scores[2]}")


def _print_foreign(foreign: "ForeignImages") -> None:
    accepted = int(foreign.is_known.sum())
    labels = ", ".join(f"{label} {count}" for label, count in foreign.accepted_labels[:FOREIGN_LABELS])
    click.echo(f"\nforeign images  {foreign.images}, {accepted} of which get a label{labels and ': ' + labels}")
    judges = {"familiarity": foreign.familiarity, "probability": foreign.probability}
    aurocs = [f"{judge.auroc:.4f} by {name}" for name, judge in judges.items() if judge is not None]
    click.echo(f"AUROC           {', '.join(aurocs)}")
    click.echo("\nlevel  familiarity  images accepted  foreign accepted   probability  foreign accepted")
    for level in foreign.levels:
        threshold = "-" if level.threshold is None else f"{level.threshold:.4f}"
        by_familiarity = "-" if level.foreign is None else f"{level.foreign:.1%}"
        probability = "-" if level.probability_threshold is None else f"{level.probability_threshold:.4f}"
        click.echo(
            f"{100 * level.level:3g} %  {threshold:>11}  {level.familiar:>15.1%}  {by_familiarity:>16}"
            f"   {probability:>11}  {level.probability_foreign:>16.1%}"
        )
