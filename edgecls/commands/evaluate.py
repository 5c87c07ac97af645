"""edgecls evaluate: metrics of a model on labelled images."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.options import (
    ModelPath,
    ignore_option,
    limits_option,
    min_familiarity_option,
    provider_option,
    split_option,
    unknown_threshold_option,
)

if TYPE_CHECKING:
    from edgecls.evaluation.foreign import ForeignImages
    from edgecls.evaluation.record import Evaluation

__all__ = ["evaluate"]

FOREIGN_LABELS = 5  # that are named


@click.command(short_help="Measure a model on labelled images; write a report.")
@click.argument("model", type=ModelPath())
@click.argument("data", type=click.Path(exists=True, path_type=Path))
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
def evaluate(
    model: Path,
    data: Path,
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
) -> None:
    """Measure MODEL, a model file, on the labelled images of DATA.

    DATA is a folder with one folder of images for each label, a dataset divided into train, val and test, a list
    file or a CSV. Images that cannot be used are listed, and the exit code is then 1.
    """
    from edgecls.atomic_write import check_writable
    from edgecls.commands.terminal import StatusLine, announce_provider
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.evaluation.evaluate import choose_split, without_foreign_labels
    from edgecls.evaluation.evaluate import evaluate as run_evaluation
    from edgecls.evaluation.foreign import classify_foreign, foreign_to_dict
    from edgecls.evaluation.record import evaluation_to_dict
    from edgecls.image import DEFAULT_LIMITS, ImageLimits
    from edgecls.plots.figure import check_can_draw
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    if report is not None:  # before the long work
        check_writable(report)
        check_can_draw()
    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    classifier = load(
        model, provider, limits=limits, unknown_threshold=unknown_threshold, min_familiarity=min_familiarity
    )
    announce_provider(classifier)
    split, images = choose_split(read_dataset(data), split)
    if ignore_unknown_labels:
        images = without_foreign_labels(images, classifier.card.labels)
    line = StatusLine()
    found = run_evaluation(
        classifier,
        images,
        workers=threads or usable_cores(),
        on_progress=lambda done, total: line.show(f"classifying images {done}/{total}"),
    )
    others = None
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
        facts = {"model": str(model), "name": classifier.card.name, "data": str(data), "split": split}
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
            card=classifier.card,
            data_name=str(data),
            split=split,
            model_bytes=model.stat().st_size,
            foreign=others,
        )
        click.echo(f"wrote {report}", err=True)
    if found.failures or (others and others.failures):
        sys.exit(1)


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
