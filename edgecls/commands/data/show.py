"""edgecls data show: a contact sheet of labelled samples."""

import itertools
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.data.augment import warp_options
from edgecls.commands.terminal import StatusLine, counted

if TYPE_CHECKING:
    from edgecls.dataset.augmentation.warp import WarpLimits
    from edgecls.dataset.samples import LabelSamples
    from edgecls.plots.contact_sheet import SheetBlock

__all__ = ["show"]

SIDE = 144  # pixels of a sample
LINE = 8  # samples on a line
VERSIONS = 6  # augmented versions of each sample


@click.command(short_help="Draw a sheet of images with their labels.")
@click.argument("data", metavar="DATA", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    "-o",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write.",
)
@click.option(
    "--per-label",
    metavar="N",
    type=click.IntRange(1, 100),
    show_default="8, with --augmented 2",
    help="Samples of each label.",
)
@click.option(
    "--augmented", is_flag=True, help="Show each sample with augmented versions, as `data augment` makes them."
)
@warp_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same samples.")
def show(data: Path, output: Path, per_label: int | None, augmented: bool, limits: "WarpLimits", seed: int) -> None:
    """Draw samples of each label in DATA on a contact sheet.

    Samples that cannot be read are replaced by others and listed, and the exit code is then 1.
    """
    from edgecls.atomic_write import check_writable, whole_files
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.dataset.samples import draw_samples
    from edgecls.plots.contact_sheet import blocks_that_fit, contact_sheet
    from edgecls.plots.fonts import undrawable_remark
    from edgecls.runtime.machine.cores import usable_cores

    check_writable(output)
    images = read_dataset(data).whole
    count = per_label or (2 if augmented else LINE)
    shown = min(len(images.labels), blocks_that_fit(count if augmented else math.ceil(count / LINE), side=SIDE))
    remark = undrawable_remark(images.labels[:shown])
    if remark:
        click.echo(remark, err=True)
    samples = draw_samples(
        images,
        per_label=count,
        side=SIDE,
        seed=seed,
        workers=usable_cores(),
        versions=VERSIONS if augmented else 0,
        limits=limits,
    )
    line = StatusLine()
    drawn: list[LabelSamples] = []
    for of_label in itertools.islice(samples, shown):
        drawn.append(of_label)
        line.show(f"reading samples of label {len(drawn)}/{shown}")
    png = contact_sheet(
        [_block(of_label) for of_label in drawn],
        side=SIDE,
        column_names=("original", "augmented") if augmented else None,
    )
    with whole_files(output) as (temporary,):
        temporary.write_bytes(png)
    line.then(f"wrote {output}: {sum(len(of_label.rows) for of_label in drawn)} samples of {shown} labels")
    if shown < len(images.labels):
        click.echo(f"only {shown} of {len(images.labels)} labels fit on the sheet", err=True)
    failures = [failure for of_label in drawn for failure in of_label.failures]
    for failure in failures:
        click.echo(f"unreadable: {failure}", err=True)
    if failures:
        sys.exit(1)


def _block(samples: "LabelSamples") -> "SheetBlock":
    """Put samples under a heading: one on each line with its augmented versions, or several on a line."""
    from edgecls.plots.contact_sheet import SheetBlock

    lines = samples.rows
    if all(len(row) == 1 for row in lines):
        single = [row[0] for row in lines]
        lines = tuple(tuple(single[start : start + LINE]) for start in range(0, len(single), LINE))
    return SheetBlock(samples.label, counted(samples.total, "image"), lines)
