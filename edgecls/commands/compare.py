"""edgecls compare: accuracy, latency and size of several models on the same images."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.options import ModelPath, ignore_option, limits_option, provider_option, split_option

if TYPE_CHECKING:
    from edgecls.evaluation.compare import Comparison

__all__ = ["compare"]


@click.command(short_help="Compare model files on the same labelled images.")
@click.argument("models", metavar="MODEL MODEL...", nargs=-1, required=True, type=ModelPath())
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Also draw accuracy against latency (.png)."
)
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@split_option
@ignore_option
@provider_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    show_default="the cores this process may use",
    help="Images to process at once; latency is measured one at a time.",
)
@limits_option
def compare(
    models: tuple[Path, ...],
    data: Path,
    plot: Path | None,
    output_format: str,
    split: str,
    ignore_unknown_labels: bool,
    provider: str,
    threads: int | None,
    max_megapixels: float,
) -> None:
    """Compare model files on the labelled images of DATA: accuracy, latency and size.

    Latency is the median time of a single image, decoding included. The models are timed in turns, so that a busy
    moment of the machine affects all of them.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.commands.options import model_names
    from edgecls.commands.terminal import StatusLine, announce_provider
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.evaluation.compare import Contender
    from edgecls.evaluation.compare import compare as run_comparison
    from edgecls.evaluation.evaluate import choose_split, without_foreign_labels
    from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
    from edgecls.plots.figure import check_can_draw
    from edgecls.runtime.machine.cores import usable_cores
    from edgecls.runtime.opening import load

    if len(models) < 2:
        raise click.UsageError("comparing takes at least two models, then the data")
    if plot is not None:  # before the long work
        check_writable(plot)
        check_can_draw()
    limits = ImageLimits(DEFAULT_LIMITS.max_bytes, int(max_megapixels * 1e6))
    contenders = [
        Contender(name, load(path, provider, limits=limits), path.stat().st_size)
        for name, path in zip(model_names(models), models, strict=True)
    ]
    announce_provider(contenders[0].classifier)
    split, images = choose_split(read_dataset(data), split)
    if ignore_unknown_labels:
        for contender in contenders:
            images = without_foreign_labels(images, contender.classifier.card.labels)
    line = StatusLine()
    found = run_comparison(
        contenders,
        images,
        workers=threads or usable_cores(),
        on_progress=lambda name, done, total: line.show(f"{name}: classifying images {done}/{total}"),
    )
    line.show("")
    failures = found.evaluations[0].failures
    for error in failures.values():
        click.echo(f"left out: {error}", err=True)
    if output_format == "json":
        document = {
            "data": str(data),
            "split": split,
            "images": found.evaluations[0].images,
            **_as_dict(found, models),
        }
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        _print_table(found)
    if plot is not None:
        with whole_files(plot) as (temporary,):
            temporary.write_bytes(_draw(found))
        click.echo(f"wrote {plot}", err=True)
    if failures:
        sys.exit(1)


def _as_dict(found: "Comparison", models: tuple[Path, ...]) -> dict[str, Any]:
    rows = zip(models, found.contenders, found.evaluations, found.latencies, strict=True)
    return {
        "models": [
            {
                "name": contender.name,
                "model": str(path),
                "accuracy": evaluation.accuracy,
                "accuracy_interval": list(evaluation.accuracy_interval),
                "macro_f1": evaluation.macro.f1,
                "expected_calibration_error": evaluation.calibration_error,
                "latency_ms": asdict(latency),
                "size_bytes": contender.size_bytes,
                "architecture": contender.classifier.card.architecture,
                "precision": contender.classifier.card.precision,
                "provider": evaluation.provider,
            }
            for path, contender, evaluation, latency in rows
        ],
        "disagreements": [asdict(entry) for entry in found.disagreements],
    }


def _print_table(found: "Comparison") -> None:
    from edgecls.commands.terminal import padded, width

    column = max(width(contender.name) for contender in found.contenders)
    click.echo(f"{padded('model', column)}  accuracy  macro F1  calibration error  latency ms    size MB")
    for contender, evaluation, latency in zip(found.contenders, found.evaluations, found.latencies, strict=True):
        click.echo(
            f"{padded(contender.name, column)}    {evaluation.accuracy:.4f}    {evaluation.macro.f1:.4f}"
            f"             {evaluation.calibration_error:.4f}  {latency.median_ms:10.2f}  "
            f"{contender.size_bytes / 1e6:9.2f}"
        )
    click.echo()
    for entry in found.disagreements:
        verdict = "not significant" if entry.p_value > 0.05 else "significant"
        click.echo(
            f"only {entry.first} is correct for {entry.only_first} images, "
            f"only {entry.second} for {entry.only_second}: {verdict} (p = {entry.p_value:.2g})"
        )


def _draw(found: "Comparison") -> bytes:
    from edgecls.plots.tradeoff import ModelPoint, tradeoff_png

    return tradeoff_png(
        [
            ModelPoint(
                contender.name,
                latency.median_ms,
                evaluation.accuracy,
                evaluation.accuracy_interval,
                contender.size_bytes,
            )
            for contender, evaluation, latency in zip(found.contenders, found.evaluations, found.latencies, strict=True)
        ]
    )
