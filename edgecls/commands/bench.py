"""edgecls bench: how fast are these models on this machine, and did they become slower?"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.options import gpu_option, ignore_option, provider_option, split_option

if TYPE_CHECKING:
    from edgecls.bench.benchmark import Benchmark
    from edgecls.dataset.formats.labelled_images import LabelledImages
    from edgecls.errors import ImageError

__all__ = ["bench"]


@click.command(short_help="Measure speed, start, memory and accuracy; compare runs.")
@click.argument("paths", metavar="[MODEL.onnx]... [IMAGES]...", nargs=-1, type=click.Path())
@click.option(
    "--labelled",
    metavar="DATA",
    type=click.Path(exists=True, path_type=Path),
    help="Also measure accuracy on these labelled images, at most 500 of them.",
)
@split_option
@ignore_option
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=3600),
    default=40,
    show_default=True,
    help="About how long it may take, accuracy aside.",
)
@click.option(
    "--pace",
    metavar="SECONDS",
    type=click.FloatRange(min=0.001, max=60),
    default=0.1,
    show_default=True,
    help="Interval between images in the paced rounds.",
)
@provider_option
@gpu_option
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write every figure to this file (.json).",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Also draw the figures (.png).")
@click.option(
    "--compare",
    "baseline",
    metavar="OLD.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare with an earlier --output file; exit code 1 if anything became slower.",
)
def bench(
    paths: tuple[str, ...],
    labelled: Path | None,
    split: str,
    ignore_unknown_labels: bool,
    seconds: float,
    pace: float,
    provider: str,
    output_format: str,
    output: Path | None,
    plot: Path | None,
    baseline: Path | None,
) -> None:
    """Measure model files on this machine: speed, stages, startup, memory, accuracy; compare with earlier runs.

    All providers that work here (or the one given), concurrency, threads and batch sizes are measured, on noisy JPEGs
    of 500 x 375 pixels, on IMAGES (files, folders, patterns) or on those of --labelled. Give files of several
    precisions to compare them. Without a model file, the default model of `edgecls run` is measured.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.bench.benchmark import benchmark, known_to_all
    from edgecls.bench.compare import compare
    from edgecls.bench.document import as_document, read_recorded, recorded_from
    from edgecls.commands.bench_output import comparison_as_dict, comparison_lines, plot_png, table_of
    from edgecls.commands.measured_files import read_measured_files, warn_if_busy
    from edgecls.commands.options import model_names
    from edgecls.commands.terminal import StatusLine, utf8_stdout
    from edgecls.runtime.execution.providers import Provider

    if labelled is None and (ignore_unknown_labels or split != "auto"):
        raise click.UsageError("--split and --ignore-unknown-labels are about the images of --labelled; give them too")
    # What can fail fails before the long work.
    old = None if baseline is None else read_recorded(baseline)
    if output is not None:
        check_writable(output)
    if plot is not None:
        from edgecls.plots.figure import check_can_draw

        check_writable(plot)
        check_can_draw()
    data = None if labelled is None else _read_labelled(labelled, split)
    given = read_measured_files(paths, instead=[] if data is None else [str(path) for path in data.paths])
    if data is not None:
        data = known_to_all(data, given.models, ignore_unknown_labels=ignore_unknown_labels)
    names = model_names(given.paths)
    warn_if_busy()
    line = StatusLine()
    try:
        found = benchmark(
            given.models,
            given.images,
            provider=Provider(provider),
            labelled=data,
            seconds=seconds,
            pace_s=pace,
            on_progress=line.show,
        )
    finally:
        line.show("")
    for skipped in found.skipped:
        click.echo(f"skipped {skipped}", err=True)
    for fault in _faults(found):
        click.echo(f"left out: {fault}", err=True)
    document = as_document(found, names, folder=Path(os.curdir))
    comparison = None if old is None else compare(old, recorded_from(document, name="this measurement"))
    if comparison is not None:
        document["comparison"] = comparison_as_dict(comparison)
    as_json = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    lines = [as_json]
    if output_format == "table":
        lines = table_of(found, names)
        if comparison is not None and old is not None:
            lines += ["", *comparison_lines(comparison, old)]
    utf8_stdout().write("".join(f"{line}\n" for line in lines))
    if output is not None:
        with whole_files(output) as (temporary,):
            temporary.write_text(as_json + "\n", encoding="utf-8")
        click.echo(f"wrote {output}", err=True)
    if plot is not None:
        with whole_files(plot) as (temporary,):
            temporary.write_bytes(plot_png(found, names))
        click.echo(f"wrote {plot}", err=True)
    if comparison is not None and comparison.slower:
        sys.exit(1)


def _read_labelled(path: Path, split: str) -> "LabelledImages":
    from edgecls.bench.benchmark import some_of
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.evaluation.evaluate import choose_split

    return some_of(choose_split(read_dataset(path), split)[1])


def _faults(found: "Benchmark") -> "Iterable[ImageError]":
    """Return what was wrong with labelled images, which is the same for every model."""
    return next((place.evaluation.failures.values() for place in found.placements if place.evaluation), ())
