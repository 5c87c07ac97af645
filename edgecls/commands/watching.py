"""edgecls run --watch: until Ctrl-C."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgecls.commands.any_text import on_one_line
from edgecls.commands.outcome_tally import Tally
from edgecls.runtime.many.watch import watch

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.explaining.illustrator import Illustrator

__all__ = ["write_until_stopped"]

DEFAULT_INTERVAL_S = 1.0


def write_until_stopped(
    tally: Tally,
    classifier: "Classifier",
    folders: Sequence[Path],
    *,
    workers: int,
    interval_s: float | None,
    passing_over: Collection[str],
    illustrator: "Illustrator | None",
) -> None:
    """Classify what is in the folders and what arrives there; Ctrl-C ends it, with a summary on standard error.

    Args:
        tally: Takes the outcomes.
        classifier: The opened model.
        folders: What to watch.
        workers: Pictures to work on at once.
        interval_s: Seconds between two looks; None for DEFAULT_INTERVAL_S.
        passing_over: Folders within them that are left out, by their real paths.
        illustrator: Makes drawings of the answers; None for none.
    """
    interval_s = interval_s or DEFAULT_INTERVAL_S
    click.echo(f"watching {', '.join(on_one_line(str(folder)) for folder in folders)}; Ctrl-C ends it", err=True)
    try:
        outcomes = watch(
            classifier,
            folders,
            workers=workers,
            interval_s=interval_s,
            passing_over=passing_over,
            illustrator=illustrator,
        )
        tally.take(outcomes, total=None)
    except KeyboardInterrupt:
        failed = f", {tally.failed} could not be" if tally.failed else ""
        click.echo(f"stopped; {tally.classified} pictures were classified{failed}", err=True)
        tally.say_what_was_kept()
