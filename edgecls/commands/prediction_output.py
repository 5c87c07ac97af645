"""How `edgecls run` prints predictions: a table for people, JSON lines and CSV for programs."""

import csv
import json
import unicodedata
from collections.abc import Sequence
from typing import Protocol, TextIO

from edgecls.commands.any_text import on_one_line, utf8_stdout
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.stream import Outcome

__all__ = ["Writer", "make_writer"]

MAX_NAME_WIDTH = 60  # columns; longer names push their line to the right instead of all lines


class Writer(Protocol):
    """Prints outcomes as they come."""

    def write(self, outcome: Outcome) -> None:
        """Print one outcome."""


def make_writer(output_format: str, labels: Sequence[str], names: Sequence[str], *, top: int) -> Writer:
    """Return the writer for an output format.

    Args:
        output_format: "table", "json" or "csv".
        labels: All labels that can occur, for the width of their column.
        names: The names of all pictures, for the width of theirs.
        top: How many labels to print for each picture.
    """
    out = utf8_stdout()
    top = min(top, len(labels))
    if output_format == "json":
        return _JsonLines(out, top)
    if output_format == "csv":
        return _Csv(out, top)
    return _Table(out, labels, names, top)


class _JsonLines:
    def __init__(self, out: TextIO, top: int) -> None:
        self._out = out
        self._top = top

    def write(self, outcome: Outcome) -> None:
        if isinstance(outcome.result, Prediction):
            record = outcome.result.as_dict(top=self._top)
        else:
            record = {"image": outcome.name, "error": outcome.result.as_dict()}
        self._out.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._out.flush()


class _Csv:
    def __init__(self, out: TextIO, top: int) -> None:
        self._out = out
        self._rows = csv.writer(out, lineterminator="\n")
        self._top = top
        ranks = [f"_{rank}" if rank > 1 else "" for rank in range(1, top + 1)]
        columns = [column + rank for rank in ranks for column in ("label", "probability")]
        self._rows.writerow(["image", *columns, "time_ms", "error"])

    def write(self, outcome: Outcome) -> None:
        if isinstance(outcome.result, Prediction):
            scores = [
                cell for score in outcome.result.top(self._top) for cell in (score.label, f"{score.probability:.6f}")
            ]
            self._rows.writerow([outcome.name, *scores, f"{outcome.result.time_ms:.3f}", ""])
        else:
            self._rows.writerow([outcome.name, *[""] * (2 * self._top + 1), str(outcome.result)])
        self._out.flush()


class _Table:
    def __init__(self, out: TextIO, labels: Sequence[str], names: Sequence[str], top: int) -> None:
        self._out = out
        self._top = top
        self._name_width = min(MAX_NAME_WIDTH, max(map(_width, names)))
        self._label_width = max(map(_width, labels))

    def write(self, outcome: Outcome) -> None:
        if isinstance(outcome.result, Prediction):
            cells = [
                f"{_padded(score.label, self._label_width)}  {score.probability:.4f}"
                for score in outcome.result.top(self._top)
            ]
        else:
            cells = [f"error: {outcome.result}"]
        line = "  ".join([_padded(on_one_line(outcome.name), self._name_width), *cells])
        self._out.write(line + "\n")
        self._out.flush()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal, where Chinese characters take two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
