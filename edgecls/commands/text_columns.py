"""Columns of text on a terminal, in any script."""

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["padded", "table_lines", "width"]


def padded(text: str, columns: int) -> str:
    """Return `text` followed by spaces, so that it takes `columns` columns; a wider text stays as it is."""
    return text + " " * (columns - width(text))


def table_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a line for each row, its cells under those of the other rows: the first column left, others right.

    Args:
        rows: As many cells in each, no line breaks in them.
    """
    cells = [tuple(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        gaps = [" " * (columns - width(cell)) + cell for cell, columns in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([padded(first, widths[0]), *gaps]))
    return lines


def width(text: str) -> int:
    """Return the columns that a text takes on a terminal, where Chinese characters take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
