"""edgecls data augment: randomly varied copies of images."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgecls.commands.terminal import StatusLine, counted

if TYPE_CHECKING:
    from edgecls.dataset.augmentation.warp import WarpLimits

__all__ = ["augment", "warp_options"]

_OPTIONS = (
    click.option(
        "--rotation",
        type=click.FloatRange(0, 180),
        default=15,
        show_default=True,
        help="Largest rotation in degrees, in either direction.",
    ),
    click.option(
        "--shift",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.1,
        show_default=True,
        help="Largest shift, as a fraction of width and height.",
    ),
    click.option(
        "--shear", type=click.FloatRange(0, 60), default=10, show_default=True, help="Largest shear in degrees."
    ),
    click.option(
        "--zoom",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.1,
        show_default=True,
        help="Largest fraction to enlarge or shrink by.",
    ),
    click.option("--flip/--no-flip", default=True, show_default=True, help="Mirror half of the copies, left to right."),
)


def warp_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --rotation, --shift, --shear, --zoom and --flip, as its argument `limits`."""

    @functools.wraps(command)
    def with_limits(rotation: float, shift: float, shear: float, zoom: float, flip: bool, **options: Any) -> Any:
        from edgecls.dataset.augmentation.warp import WarpLimits

        limits = WarpLimits(rotation_deg=rotation, shift=shift, shear_deg=shear, zoom=zoom, flip=flip)
        return command(limits=limits, **options)

    for option in reversed(_OPTIONS):
        with_limits = option(with_limits)
    return with_limits


@click.command(short_help="Write varied copies of training images.")
@click.argument("data", metavar="DATA", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    "-o",
    metavar="OUT",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write: new, empty, or that of an interrupted run with the same settings.",
)
@click.option(
    "--copies", type=click.IntRange(min=1), default=3, show_default=True, help="Augmented copies of each image."
)
@warp_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same copies.")
@click.option("--copies-only", is_flag=True, help="Do not copy the images themselves.")
def augment(data: Path, output: Path, copies: int, limits: "WarpLimits", seed: int, copies_only: bool) -> None:
    """Write augmented copies of the images in DATA, into a folder for each label.

    Areas that come into view at an edge take the colour of the nearest pixel. If DATA has splits, only
    train is augmented. The file augmented.jsonl in OUT records what was made from what, so
    that `edgecls data split` keeps copies with their source.
    """
    from edgecls.dataset.augmentation.augment import AugmentSettings
    from edgecls.dataset.augmentation.augment import augment as augment_dataset
    from edgecls.dataset.formats.read import read_dataset
    from edgecls.runtime.machine.cores import usable_cores

    settings = AugmentSettings(copies, limits, seed=seed, with_originals=not copies_only)
    line = StatusLine()
    result = augment_dataset(
        read_dataset(data),
        data,
        output,
        settings,
        workers=usable_cores(),
        on_progress=lambda done, total: line.show(f"augmenting images {done}/{total}"),
    )
    kept = f" ({result.kept} were there already)" if result.kept else ""
    line.then(f"wrote {counted(result.written, 'image')} to {output}{kept}")
    for failure in result.failures:
        click.echo(f"left out: {failure}", err=True)
    if result.failures:
        sys.exit(1)
