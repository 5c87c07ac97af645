"""Figures from result files, by expressions such as `int8.network.times_as_fast.value:.1f`.

    FILE.KEY.KEY[KEY=VALUE,...][|median|min|max|sum|count][*NUMBER][/NUMBER][:FORMAT]

`rows[model=small,connections=8]` is the only entry of a list with these values. An estimate without a format is written
with its interval.
"""

import json
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FigureError", "Results", "interval"]

_EXPRESSION = re.compile(
    r"(?P<path>(?:[^|*/:\[]|\[[^\]]*\])+)(?:\|(?P<over>\w+))?(?P<scale>(?:[*/][\d.e]+)*)(?::(?P<format>.+))?"
)
_STEP = re.compile(r"([^.\[\]]+)(?:\[([^\]]*)\])?")
_OVER: dict[str, Callable[[Sequence[float]], float]] = {
    "median": statistics.median,
    "min": min,
    "max": max,
    "sum": sum,
    "count": len,
}


class FigureError(Exception):
    """A figure that the results or the document lack; the message says which and why."""


def interval(estimate: dict[str, Any], number_format: str = ".2f") -> str:
    """Return an estimate with its interval as text."""
    return (
        f"{estimate['value']:{number_format}} ({estimate['low']:{number_format}} to {estimate['high']:{number_format}})"
    )


class Results:
    """The results of a machine: the files in a folder.

    Attributes:
        key: Name of the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.key = folder.name
        self._files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._files[name]
        return found

    @classmethod
    def of_each_machine(cls, folder: Path, first: str) -> "list[Results]":
        """Return the results of every machine that has a folder in there, beginning with the one of that key."""
        folders = sorted((one for one in folder.iterdir() if one.is_dir()), key=lambda one: (one.name != first, one))
        return [results for results in map(cls, folders) if results.names()]

    @property
    def machine(self) -> str:
        """The machine in words, as its latest result has them."""
        latest = max((found["machine"] for found in self._files.values()), key=lambda machine: machine["time"])
        memory = f", {latest['memory_gb']} GB" if latest.get("memory_gb") else ""
        return f"{latest['processor']}, {latest['usable_cores']} cores{memory}"

    def names(self) -> list[str]:
        """Return the names of all results."""
        return sorted(self._files)

    def figure(self, expression: str) -> str:
        """Return the figure that an expression stands for.

        Raises:
            FigureError: It is not an expression, or the results have no such figure.
        """
        parts = _EXPRESSION.fullmatch(expression.strip())
        if parts is None:
            raise FigureError(f"{expression!r} is not written like FILE.KEY|median*1000:.1f")
        value: Any = self._files
        for name, chosen in _STEP.findall(parts["path"]):
            value = (
                _chosen(_entry(value, name, expression), chosen, expression)
                if chosen
                else _entry(value, name, expression)
            )
        if parts["over"]:
            if parts["over"] not in _OVER:
                raise FigureError(f"{expression!r}: {parts['over']!r} is not one of {', '.join(_OVER)}")
            value = _OVER[parts["over"]](value)
        for sign, number in re.findall(r"([*/])([\d.e]+)", parts["scale"]):
            value = value * float(number) if sign == "*" else value / float(number)
        if isinstance(value, dict) and "low" in value:
            return interval(value, parts["format"] or ".2f")
        return format(value, parts["format"] or "")


def _entry(value: Any, name: str, expression: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise FigureError(f"{expression!r}: there is no {name!r}")
    return value[name]


def _chosen(rows: Any, wanted: str, expression: str) -> Any:
    pairs = [pair.partition("=")[::2] for pair in re.split(r",(?=\w+=)", wanted)]  # values may have commas
    found = [row for row in rows if all(str(row.get(key)) == value for key, value in pairs)]
    if len(found) != 1:
        raise FigureError(f"{expression!r}: {len(found)} entries have {wanted}; exactly one should")
    return found[0]
