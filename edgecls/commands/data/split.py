"""edgecls data split: train, val and test."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.data.check import near_distance_option
from edgecls.commands.terminal import StatusLine, counted, on_one_line, utf8_stdout

if TYPE_CHECKING:
    from edgecls.dataset.splits.split import SplitResult

__all__ = ["split"]


class _Ratio(click.ParamType[tuple[float, ...]]):
    """Two or three percentages separated by slashes."""

    name = "TRAIN/VAL[/TEST]"

    def convert(
        self, value: str | tuple[float, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            shares = tuple(float(share) for share in value.split("/"))
        except ValueError:
            shares = ()
        if len(shares) not in (2, 3) or min(shares) <= 0 or not abs(sum(shares) - 100) < 1e-6:
            self.fail(
                f"{value!r} is not a ratio; give two or three shares above 0 that add up to 100, as 80/20 or 70/15/15",
                param,
                ctx,
            )
        return shares


@click.command(short_help="Divide a dataset into train, val and test.")
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    metavar="OUT",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write, new or empty, outside DATA.",
)
@click.option(
    "--ratio",
    type=_Ratio(),
    default="80/20",
    show_default=True,
    help="Percentages of train and val, or of train, val and test.",
)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, show_default=True)
@click.option(
    "--as",
    "split_format",
    type=click.Choice(["copies", "links", "lists"]),
    default="copies",
    show_default=True,
    help="Folders with copies of the images, folders with links to them, or text files of path, tab and label.",
)
@near_distance_option
@click.option(
    "--group-by",
    metavar="RULE",
    help="Keep images together that share something: a regular expression with a group, for the file name (or, if it "
    "contains a /, the path), such as '^(\\d+)_'; the name of a column, if DATA is a CSV file; or the word folder.",
)
@click.option(
    "--keep-rare-in-train", is_flag=True, help="Put all images of labels with too few images to be divided into train."
)
@click.option("--leave-out-rare", is_flag=True, help="Leave labels with too few images to be divided out.")
def split(
    data: Path,
    output: Path,
    ratio: tuple[float, ...],
    seed: int,
    split_format: str,
    near_distance: int,
    group_by: str | None,
    keep_rare_in_train: bool,
    leave_out_rare: bool,
) -> None:
    """Divide DATA, a dataset in any format, into train, val and optionally test.

    Each split gets its share of every label. Images that are the same, look alike, or were made from
    the same one by edgecls data augment go into the same split. If DATA has splits already, all of it is
    divided anew. Links are hard links where possible, else symbolic ones. Images that cannot be
    decoded are left out and listed.

    Frames of one object, photos of one patient or of one day look different and still leak the answer:
    keep them together with --group-by.
    """
    from edgecls.dataset.splits.rare_labels import RareLabels
    from edgecls.dataset.splits.split import split_dataset
    from edgecls.dataset.splits.write import SplitFormat
    from edgecls.runtime.machine.cores import usable_cores

    if keep_rare_in_train and leave_out_rare:
        raise click.UsageError("--keep-rare-in-train and --leave-out-rare exclude each other")
    rare = RareLabels.KEEP_IN_TRAIN if keep_rare_in_train else RareLabels.REFUSE
    rare = RareLabels.LEAVE_OUT if leave_out_rare else rare
    line = StatusLine()
    result = split_dataset(
        data,
        output,
        ratio,
        seed=seed,
        split_format=SplitFormat(split_format),
        near_distance=near_distance,
        group_by=group_by,
        rare=rare,
        workers=usable_cores(),
        on_read=lambda done, total: line.show(f"reading images {done}/{total}"),
        on_written=lambda done, total: line.show(f"writing images {done}/{total}"),
    )
    line.show("")
    for failure in result.failures:
        click.echo(on_one_line(f"left out: {failure}"), err=True)
    for label in result.rare_left_out:
        click.echo(on_one_line(f"left out: label {label!r}, which has too few images to be divided"), err=True)
    if result.ungrouped:
        click.echo(
            f"--group-by matches nothing in {counted(result.ungrouped, 'image')}; each is a group of its own", err=True
        )
    utf8_stdout().write(_summary(result, output))


def _summary(result: "SplitResult", output: Path) -> str:
    """Return how many images of each label each split has, and what was kept together."""
    splits = result.dataset.splits
    lines = ["".join(f"{name:>8}" for name in splits)]
    for label in result.dataset.labels:
        lines.append("".join(f"{images.counts[label]:8d}" for images in splits.values()) + f"  {on_one_line(label)}")
    lines.append("".join(f"{len(images.paths):8d}" for images in splits.values()) + "  images")
    if result.groups:
        lines.append(f"kept together: {counted(result.grouped_images, 'image')} in {counted(result.groups, 'group')}")
    if result.rare_kept:
        lines.append(f"only in train, with too few images to be divided: {', '.join(result.rare_kept)}")
    for name, leak in result.leaks.items():
        of_all = f"of {counted(leak.images, 'image')} in {name}"
        lines.append(f"{leak.alike} {of_all} look much like one in train, as frames of one object do")
        if leak.same_series is not None:
            lines.append(f"{leak.same_series} {of_all} share a series in their names with train")
    if result.series is not None:
        first, second = result.series.example
        lines.append(
            f"names look like series ({first}, {second}): if a series shows one object, "
            f"split again with --group-by '{result.series.pattern}'"
        )
    lines.append(f"wrote {on_one_line(str(output))}")
    return "\n".join(lines) + "\n"
