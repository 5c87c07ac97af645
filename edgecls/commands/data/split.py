"""edgecls data split: train, val and test."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.any_text import on_one_line, utf8_stdout
from edgecls.commands.status_line import StatusLine

if TYPE_CHECKING:
    from edgecls.dataset.parts.split import SplitResult

__all__ = ["split"]


class _Ratio(click.ParamType[tuple[float, ...]]):
    """Two or three shares in percent, with slashes between them."""

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


@click.command()
@click.argument("data", metavar="DATA", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    metavar="OUT",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write, new or empty, outside of DATA.",
)
@click.option(
    "--ratio",
    type=_Ratio(),
    default="80/20",
    show_default=True,
    help="Shares of train and val, or of train, val and test, in percent.",
)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, show_default=True)
@click.option(
    "--as",
    "form",
    type=click.Choice(["copies", "links", "lists"]),
    default="copies",
    show_default=True,
    help="Folders with copies of the pictures, folders with links to them, or text files of path, tab and label.",
)
@click.option(
    "--near-distance",
    metavar="BITS",
    type=click.IntRange(min=0, max=96),
    default=48,
    show_default=True,
    help="Pictures look alike if at most so many of the 256 bits of their perceptual hashes differ.",
)
def split(data: Path, output: Path, ratio: tuple[float, ...], seed: int, form: str, near_distance: int) -> None:
    """Divide DATA, a dataset in any form, into train, val and perhaps test.

    Each part gets its share of every label. Pictures that are the same, look alike, or were made from
    the same one by edgecls data augment come into one part. If DATA has parts already, all of it is
    divided anew. Links are hard links where possible, else symbolic ones.
    """
    from edgecls.dataset.parts.split import split_dataset
    from edgecls.dataset.parts.write_parts import PartsForm
    from edgecls.runtime.machine.cores import usable_cores

    line = StatusLine()
    result = split_dataset(
        data,
        output,
        ratio,
        seed=seed,
        form=PartsForm(form),
        near_distance=near_distance,
        workers=usable_cores(),
        on_looked_at=lambda done, total: line.show(f"looking at pictures {done}/{total}"),
        on_written=lambda done, total: line.show(f"writing pictures {done}/{total}"),
    )
    line.show("")
    if result.unusable:
        click.echo(f"{result.unusable} pictures cannot be decoded; see edgecls data check", err=True)
    utf8_stdout().write(_summary(result, output))


def _summary(result: "SplitResult", output: Path) -> str:
    """Return how many pictures of each label each part has, and what was kept together."""
    parts = result.dataset.parts
    lines = ["".join(f"{name:>8}" for name in parts)]
    for label in result.dataset.labels:
        lines.append("".join(f"{part.counts[label]:8d}" for part in parts.values()) + f"  {on_one_line(label)}")
    lines.append("".join(f"{len(part.paths):8d}" for part in parts.values()) + "  pictures")
    if result.groups:
        lines.append(f"kept together: {result.grouped_pictures} pictures in {result.groups} groups")
    lines.append(f"wrote {on_one_line(str(output))}")
    return "\n".join(lines) + "\n"
