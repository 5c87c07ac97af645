"""How `edgecls run` prints predictions: a table for people, JSON lines and CSV for programs."""

import csv
import json
from collections.abc import Sequence
from itertools import islice
from typing import Protocol, TextIO

from edgecls.commands.any_text import on_one_line, utf8_stdout
from edgecls.commands.text_columns import padded, width
from edgecls.runtime.prediction import Outcome, Prediction

__all__ = ["Writer", "make_writer"]

MAX_NAME_WIDTH = 60  # columns; longer names push their line to the right instead of all lines
NAMES_LOOKED_AT = 1000  # for the width of their column; a longer name later widens it from there on


class Writer(Protocol):
    """Prints outcomes as they come."""

    def write(self, outcome: Outcome) -> None:
        """Print one outcome."""


def make_writer(output_format: str, answers: Sequence[str], names: Sequence[str], *, top: int) -> Writer:
    """Return the writer for an output format.

    Args:
        output_format: "table", "json" or "csv".
        answers: All answers that can occur, for the width of their column.
        names: The names of the pictures, for the width of theirs, as far as they are known.
        top: How many labels to print for each picture, at most as many as the model has.
    """
    out = utf8_stdout()
    if output_format == "json":
        return _JsonLines(out, top)
    if output_format == "csv":
        return _Csv(out, top)
    return _Table(out, answers, names, top)


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
        self._rows.writerow(["image", *columns, "best_label", "time_ms", "error"])

    def write(self, outcome: Outcome) -> None:
        answer = outcome.result
        if isinstance(answer, Prediction):
            cells = [answer.label, _six_digits(answer.probability)]
            for score in answer.top(self._top)[1:]:
                cells += [score.label, _six_digits(score.probability)]
            self._rows.writerow([outcome.name, *cells, answer.best_label, f"{answer.time_ms:.3f}", ""])
        else:
            self._rows.writerow([outcome.name, *[""] * (2 * self._top + 2), str(answer)])
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
            texts = [answer.described, *(score.label for score in scores[1:])]
            cells = [
                f"{padded(text, self._answer_width)}  {score.probability:.4f}"
                for text, score in zip(texts, scores, strict=True)
            ]
        else:
            cells = [f"error: {answer}"]
        name = on_one_line(outcome.name)
        self._name_width = min(MAX_NAME_WIDTH, max(self._name_width, width(name)))
        line = "  ".join([padded(name, self._name_width), *cells])
        self._out.write(line + "\n")
        self._out.flush()


def _six_digits(probability: float) -> str:
    return f"{probability:.6f}"
