"""Filing, sorting, printing and counting what `edgecls run` finds out."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from edgecls.commands.any_text import on_one_line
from edgecls.commands.prediction_output import Writer
from edgecls.runtime.prediction import Outcome, Prediction

if TYPE_CHECKING:
    from edgecls.runtime.explaining.illustrator import Illustrator
    from edgecls.runtime.many.sort_into import Sorter

__all__ = ["Tally"]

LABELS_TOLD = 20  # one by one


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
        self._answers: Counter[str] = Counter()
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
                self._answers[outcome.result.label] += 1
            else:
                self.failed += 1
            self._writer.write(outcome)

    def say_labels(self) -> None:
        """Say on standard error how many images got which label, the most frequent first; nothing if none got any."""
        if not self.classified:
            return
        ranked = sorted(self._answers.items(), key=lambda item: (-item[1], item[0]))
        told = [f"{on_one_line(label)} {count}" for label, count in ranked[:LABELS_TOLD]]
        rest = ranked[LABELS_TOLD:]
        if rest:
            told.append(f"{len(rest)} other labels {sum(count for _, count in rest)}")
        images = "image" if self.classified == 1 else "images"
        click.echo(f"{self.classified} {images}: {', '.join(told)}", err=True)

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
