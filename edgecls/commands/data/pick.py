"""edgecls data pick: the images of a pool that are worth labelling most."""

from pathlib import Path

import click

from edgecls.commands.options import ModelPath
from edgecls.commands.terminal import StatusLine, counted, on_one_line

__all__ = ["pick"]


@click.command(short_help="Pick the images that are worth labelling most.")
@click.argument("pool", metavar="POOL", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", type=ModelPath(), required=True, help="Model file that is to be trained further.")
@click.option("--count", type=click.IntRange(min=1), default=50, show_default=True, help="Number of images to pick.")
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="New or empty folder for copies of the images and their list, picks.csv.",
)
@click.option(
    "--labelled",
    metavar="DATA",
    type=click.Path(exists=True, path_type=Path),
    help="Dataset that is labelled already: no image that looks like one in it is picked.",
)
@click.option(
    "--foreign/--no-foreign",
    default=True,
    show_default=True,
    help="Whether images unlike the model's training images may be picked.",
)
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, show_default=True)
def pick(pool: Path, model: Path, count: int, output: Path, labelled: Path | None, foreign: bool, seed: int) -> None:
    """Pick images of POOL, a folder of unlabelled images, to label next.

    Picked are images that the model is unsure of, because two labels are nearly as probable or because they are unlike
    its training images, and that differ from each other. Of images that look alike, one is considered. The model's
    labels in picks.csv are guesses: correct them before training on the images.
    """
    import contextlib

    from edgecls.dataset.formats.read import read_dataset
    from edgecls.labelling.pick import PickListener, check_folder, pick_images, write_picks
    from edgecls.runtime.opening import load

    check_folder(output)
    known = () if labelled is None else read_dataset(labelled).whole.paths
    line = StatusLine()
    with contextlib.closing(load(model, "cpu", features=True)) as classifier:
        found = pick_images(
            pool,
            classifier,
            count,
            labelled=known,
            foreign=foreign,
            seed=seed,
            listener=PickListener(
                on_compared=lambda done, total: line.show(f"looking for duplicates {done}/{total}"),
                on_classified=lambda done, total: line.show(f"classifying images {done}/{total}"),
            ),
        )
    line.show("")
    listed = write_picks(found, output)
    for failure in found.failures:
        click.echo(on_one_line(f"left out: {failure}"), err=True)
    unlike = sum(one.is_unlike for one in found.picked)
    look_alikes = f"; {counted(found.left_out, 'look-alike')} left out" if found.left_out else ""
    click.echo(
        f"picked {len(found.picked)} of {counted(found.pool, 'image')}, {unlike} of them unlike the training images"
        f"{look_alikes}"
    )
    click.echo(on_one_line(f"wrote {listed}"))
