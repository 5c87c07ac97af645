"""Columns of text on a terminal, where Chinese characters take two places."""

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["table_lines"]


def table_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells under those of the other rows: the first column left, others right.

    Args:
        rows: As many cells in each, no line breaks in them.
    """
    cells = [tuple(row) for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        gaps = [" " * (width - _width(cell)) + cell for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first + " " * (widths[0] - _width(first)), *gaps]))
    return lines


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
