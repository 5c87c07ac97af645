"""Where `edgecls run` puts predictions: a table for people, JSON lines, CSV and files of results for programs."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TextIO

import click

from edgecls.commands.terminal import counted, on_one_line, padded, utf8_stdout, width
from edgecls.model_card import UNKNOWN
from edgecls.runtime.prediction import Outcome, Prediction

if TYPE_CHECKING:
    from edgecls.results.results_file import ResultsFile
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.embeddings_file import EmbeddingsFile
    from edgecls.runtime.folders.sort_into import Sorter
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["Tally", "Writer", "answers_of", "make_writer"]

MAX_NAME_WIDTH = 60  # columns; longer names push their line to the right instead of all lines
NAMES_LOOKED_AT = 1000  # for the width of their column; a longer name later widens it from there on
LABELS_COUNTED = 20  # one by one


class Writer(Protocol):
    """Prints outcomes as they come."""

    def write(self, outcome: Outcome) -> None:
        """Print one outcome."""


def make_writer(
    output_format: str,
    answers: Sequence[str],
    names: Sequence[str],
    *,
    top: int,
    embeddings: bool = False,
    results: "ResultsFile | None" = None,
) -> Writer:
    """Return the writer for an output format.

    Args:
        output_format: "table", "json" or "csv", on standard output.
        answers: All answers that can occur, for the width of their column.
        names: The names of the images, for the width of theirs, as far as they are known.
        top: How many labels to print for each image, at most as many as the model has.
        embeddings: With "json" and `results`: whether to write them.
        results: The file to write to; None for standard output.
    """
    if results is not None:
        return _Results(results, top, embeddings)
    out = utf8_stdout()
    if output_format == "json":
        return _JsonLines(out, top, embeddings)
    if output_format == "csv":
        return _Csv(out, top)
    return _Table(out, answers, names, top)


def answers_of(classifier: "Classifier") -> tuple[str, ...]:
    """Return all answers that can occur."""
    return (*classifier.labels, UNKNOWN) if classifier.can_be_unknown else classifier.labels


class _Results:
    def __init__(self, results: "ResultsFile", top: int, embeddings: bool) -> None:
        self._results = results
        self._top = top
        self._embeddings = embeddings

    def write(self, outcome: Outcome) -> None:
        self._results.append(outcome.as_row(top=self._top, embedding=self._embeddings))


class _JsonLines:
    def __init__(self, out: TextIO, top: int, embeddings: bool) -> None:
        self._out = out
        self._top = top
        self._embeddings = embeddings

    def write(self, outcome: Outcome) -> None:
        row = outcome.as_row(top=self._top, embedding=self._embeddings)
        self._out.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._out.flush()


class _Csv:
    def __init__(self, out: TextIO, top: int) -> None:
        from edgecls.results.rows import csv_columns, csv_line

        self._out = out
        self._top = top
        self._out.write(csv_line(csv_columns(top)))

    def write(self, outcome: Outcome) -> None:
        from edgecls.results.rows import csv_line, csv_row

        self._out.write(csv_line(csv_row(outcome.as_row(top=self._top), self._top)))
        self._out.flush()


class _Table:
    def __init__(self, out: TextIO, answers: Sequence[str], names: Sequence[str], top: int) -> None:
        self._out = out
        self._top = top
        self._name_width = min(MAX_NAME_WIDTH, max(map(width, islice(names, NAMES_LOOKED_AT)), default=0))
        self._answer_width = max(map(width, answers))

    def write(self, outcome: Outcome) -> None:
        answer = outcome.result
        if isinstance(answer, Prediction):
            scores = answer.top(self._top)
            texts = [answer.label, *(score.label for score in scores[1:])]
            cells = [
                f"{padded(text, self._answer_width)}  {score.probability:.4f}"
                for text, score in zip(texts, scores, strict=True)
            ]
            if not answer.is_known:
                cells.append(answer.described.removeprefix(f"{answer.label}: "))
        else:
            cells = [f"error: {answer}"]
        name = on_one_line(outcome.name)
        self._name_width = min(MAX_NAME_WIDTH, max(self._name_width, width(name)))
        line = "  ".join([padded(name, self._name_width), *cells])
        self._out.write(line + "\n")
        self._out.flush()


class Tally:
    """Takes outcomes as they come.

    Args:
        writer: Prints them.
        sorter: Puts the images into folders; None to leave them alone.
        illustrator: Keeps the drawings that it made; None if there are none.
        embeddings: Gathers the embeddings; None if they are not wanted.
        xmp: Whether to add the labels to the sidecars of the images.

    Attributes:
        classified: Images that got an answer.
        failed: Images that did not.
    """

    def __init__(
        self,
        writer: Writer,
        sorter: "Sorter | None",
        illustrator: "Illustrator | None",
        embeddings: "EmbeddingsFile | None" = None,
        *,
        xmp: bool = False,
    ) -> None:
        self.classified = 0
        self.failed = 0
        self._answers: Counter[str] = Counter()
        self._writer = writer
        self._sorter = sorter
        self._illustrator = illustrator
        self._embeddings = embeddings
        self._xmp = xmp

    def take(self, outcomes: Iterable[Outcome], *, total: int | None) -> None:
        """Keep drawings, sort, write sidecars, print and count all outcomes, with a progress bar on the terminal.

        Args:
            outcomes: One for each image.
            total: How many images there are; None if unknown.
        """
        if total != 1:  # a single image should not pay for the import
            from edgecls.commands.terminal import with_progress

            outcomes = with_progress(outcomes, total)
        for outcome in outcomes:
            if self._illustrator is not None:
                self._illustrator.keep(outcome)
            if self._sorter is not None:
                outcome = self._sorter.place(outcome)
            if self._xmp:
                outcome = _with_sidecar(outcome)
            if isinstance(outcome.result, Prediction):
                self.classified += 1
                if self._embeddings is not None:
                    self._embeddings.add(outcome.name, outcome.result)
                self._answers[outcome.result.label] += 1
            else:
                self.failed += 1
            self._writer.write(outcome)

    def report_labels(self) -> None:
        """Report on standard error how many images got which label, the most frequent first; nothing if none did."""
        if not self.classified:
            return
        ranked = sorted(self._answers.items(), key=lambda item: (-item[1], item[0]))
        counts = [f"{on_one_line(label)} {count}" for label, count in ranked[:LABELS_COUNTED]]
        rest = ranked[LABELS_COUNTED:]
        if rest:
            counts.append(f"{len(rest)} other labels {sum(count for _, count in rest)}")
        click.echo(f"{counted(self.classified, 'image')}: {', '.join(counts)}", err=True)

    def report_written(self) -> None:
        """Write the embeddings, and report on standard error how many images were sorted, drawn and embedded.

        Nothing without these options.

        Raises:
            OutputError: The embeddings cannot be written.
        """
        if self._sorter is not None:
            done = "moved" if self._sorter.transfer == "move" else "copied"
            there = f", {self._sorter.done_count} were there already" if self._sorter.done_count else ""
            click.echo(f"{done} {counted(self._sorter.sorted_count, 'image')}{there}", err=True)
        if self._illustrator is not None:
            there = f", {self._illustrator.done_count} were there already" if self._illustrator.done_count else ""
            how = ""
            if self._illustrator.explained is not None:
                method, (rows, columns) = self._illustrator.explained
                how = f"; heat by {method}, {rows} x {columns} places"
            click.echo(f"wrote {counted(self._illustrator.written_count, 'drawing')}{there}{how}", err=True)
        if self._embeddings is not None:
            count = self._embeddings.write()
            click.echo(f"wrote {counted(count, 'embedding')} to {self._embeddings.path}", err=True)


def _with_sidecar(outcome: Outcome) -> Outcome:
    """Add the label of an image to its sidecar; nothing for an image that is unknown or has none.

    Returns:
        The outcome; with the fault as its result, if the sidecar cannot be merged into.

    Raises:
        OutputError: It cannot be written.
    """
    from edgecls.errors import SidecarError
    from edgecls.xmp import add_keywords

    if isinstance(outcome.result, Prediction) and outcome.result.is_known:
        try:
            add_keywords(outcome.name, [outcome.result.label])
        except SidecarError as error:
            fault = SidecarError(f"classified as {outcome.result.label!r}, but {error}")
            return Outcome(outcome.name, fault, outcome.drawings)
    return outcome
