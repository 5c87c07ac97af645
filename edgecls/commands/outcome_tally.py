"""Filing, sorting, printing and counting what `edgecls run` finds out."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from edgecls.commands.prediction_output import Writer
from edgecls.runtime.prediction import Outcome, Prediction

if TYPE_CHECKING:
    from edgecls.runtime.explaining.illustrator import Illustrator
    from edgecls.runtime.many.sort_into import Sorter

__all__ = ["Tally"]


class Tally:
    """Takes outcomes as they come.

    Args:
        writer: Prints them.
        sorter: Puts the pictures into folders; None to leave them alone.
        illustrator: Keeps the drawings that it made; None if there are none.

    Attributes:
        classified: Pictures that got an answer.
        failed: Pictures that did not.
    """

    def __init__(self, writer: Writer, sorter: "Sorter | None", illustrator: "Illustrator | None") -> None:
        self.classified = 0
        self.failed = 0
        self._writer = writer
        self._sorter = sorter
        self._illustrator = illustrator

    def take(self, outcomes: Iterable[Outcome], *, total: int | None) -> None:
        """File, sort, print and count them all, with a bar on the terminal.

        Args:
            outcomes: What became of the pictures.
            total: How many pictures there are; None if nobody knows.
        """
        if total != 1:  # a lone picture does not pay for the import
            from edgecls.commands.progress_bar import with_progress

            outcomes = with_progress(outcomes, total)
        for outcome in outcomes:
            if self._illustrator is not None:
                self._illustrator.keep(outcome)
            if self._sorter is not None:
                outcome = self._sorter.place(outcome)
            if isinstance(outcome.result, Prediction):
                self.classified += 1
            else:
                self.failed += 1
            self._writer.write(outcome)

    def say_what_was_kept(self) -> None:
        """Say on standard error how many pictures were sorted and drawn; nothing if none were to."""
        if self._sorter is not None:
            done = "moved" if self._sorter.transfer == "move" else "copied"
            there = f", {self._sorter.done_count} were there already" if self._sorter.done_count else ""
            click.echo(f"{done} {self._sorter.sorted_count} pictures{there}", err=True)
        if self._illustrator is not None:
            there = f", {self._illustrator.done_count} were there already" if self._illustrator.done_count else ""
            how = ""
            if self._illustrator.explained is not None:
                method, (rows, columns) = self._illustrator.explained
                how = f"; heat by {method}, {rows} x {columns} places"
            click.echo(f"wrote {self._illustrator.written_count} drawings{there}{how}", err=True)
