"""edgecls data stats: counts, sizes and colours of a dataset."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.terminal import StatusLine, on_one_line, table_lines, utf8_stdout

if TYPE_CHECKING:
    from edgecls.dataset.statistics import DatasetStatistics

__all__ = ["stats"]


@click.command(short_help="Count images per label; measure sizes and colours.")
@click.argument("data", metavar="DATA", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--plot",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also plot counts, sizes and colours to this file.",
)
def stats(data: Path, output_format: str, plot: Path | None) -> None:
    """Count the images in DATA, and measure their sizes and colours.

    Every image is decoded once. Mean and standard deviation are over all pixels at full size, with
    values from 0 to 1. Images that cannot be read are listed, and the exit code is then 1.
    """
    from edgecls.atomic_write import check_writable
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.dataset.statistics import measure_dataset
    from edgecls.runtime.machine.cores import usable_cores

    dataset = read_dataset(data)
    if plot is not None:
        from edgecls.plots.fonts import undrawable_remark

        check_writable(plot)
        remark = undrawable_remark(dataset.labels)
        if remark:
            click.echo(remark, err=True)
    line = StatusLine()
    measured = measure_dataset(
        dataset,
        workers=usable_cores(),
        on_progress=lambda done, total: line.show(f"reading images {done}/{total}"),
    )
    utf8_stdout()
    if output_format == "json":
        line.then(json.dumps(measured.as_dict(), ensure_ascii=False, indent=2))
    else:
        line.then("\n".join(_table(measured)))
    if plot is not None:
        _write_plot(measured, plot)
    for failure in measured.failures:
        click.echo(f"unreadable: {failure}", err=True)
    if measured.failures:
        sys.exit(1)


def _table(measured: "DatasetStatistics") -> list[str]:
    several = len(measured.counts) > 1
    splits = measured.counts if several else {}
    totals = measured.totals
    counts = [["label", *splits, "images"]]
    for label in measured.labels:
        counts.append([on_one_line(label), *(str(split[label]) for split in splits.values()), str(totals[label])])
    counts.append(["all", *(str(sum(split.values())) for split in splits.values()), str(sum(totals.values()))])
    sizes = [["", "min", "median", "max"]]
    for name, spread in measured.spreads.items():
        digits = 2 if name == "megapixels" else 0
        sizes.append([name, *(f"{value:.{digits}f}" for value in spread)])
    moments = measured.moments
    colors = [
        ["", "red", "green", "blue"],
        ["mean", *(f"{value:.4f}" for value in moments.mean_rgb)],
        ["std", *(f"{value:.4f}" for value in moments.std_rgb)],
    ]
    facts = [
        f"largest to smallest label: {measured.imbalance:.2f}",
        f"formats: {', '.join(f'{name} {count}' for name, count in measured.formats.items())}",
        f"unreadable: {len(measured.failures)}",
    ]
    return [*table_lines(counts), "", *facts, "", *table_lines(sizes), "", *table_lines(colors)]


def _write_plot(measured: "DatasetStatistics", path: Path) -> None:
    from edgecls.atomic_write import whole_files
    from edgecls.plots.dataset_overview import dataset_overview

    sizes_wh = [(size.width, size.height) for size in measured.sizes]
    png = dataset_overview(measured.counts, sizes_wh, measured.moments.mean_rgb, measured.moments.std_rgb)
    with whole_files(path) as (temporary,):
        temporary.write_bytes(png)
