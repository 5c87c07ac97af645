"""Rows as text that can be appended to: JSON lines and CSV, and which image a line is about."""

import json
from collections.abc import Iterable, Iterator
from typing import Protocol

from edgecls.json_text import parse_json
from edgecls.results.rows import Row, csv_columns, csv_line, csv_row

__all__ = ["LineFormat", "lines_of", "whole_records"]

_LINE_SEPARATORS = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What JSON leaves as it is, but some programs end a line at."""


class LineFormat(Protocol):
    """How rows are written.

    Attributes:
        header: What the file begins with.
    """

    header: bytes

    def encode(self, row: Row) -> bytes:
        """Return a row as it is written, with the line break after it."""

    def is_whole(self, text: bytes) -> bool:
        """True if a text that ends with a line break is a row, and not the beginning of one."""

    def read(self, record: bytes) -> tuple[str, bool]:
        """Return the name of the image in a row, and whether it has an answer.

        Raises:
            ValueError: It is no such row.
        """


def lines_of(output_format: str, top: int) -> LineFormat:
    """Return the format.

    Args:
        output_format: "json" or "csv".
        top: Labels of a row.
    """
    return _JsonLines() if output_format == "json" else _Csv(top)


def whole_records(lines: Iterable[bytes], line_format: LineFormat) -> Iterator[bytes]:
    """Yield the rows of a file; what is left at its end is no row, but the beginning of one.

    Args:
        lines: The file's, each with its line break, where there is one.
        line_format: How they were written.
    """
    record = b""
    for line in lines:
        record += line
        if record.endswith(b"\n") and line_format.is_whole(record):
            yield record
            record = b""


class _JsonLines:
    header = b""

    def encode(self, row: Row) -> bytes:
        line = json.dumps(row, ensure_ascii=False)
        for separator, escape in _LINE_SEPARATORS.items():
            line = line.replace(separator, escape)
        return line.encode(errors="backslashreplace") + b"\n"

    def is_whole(self, text: bytes) -> bool:
        return True

    def read(self, record: bytes) -> tuple[str, bool]:
        row = parse_json(record)
        if not isinstance(row, dict) or not isinstance(row.get("image"), str):
            raise ValueError('it is no object with "image"')
        return row["image"], "error" not in row


class _Csv:
    def __init__(self, top: int) -> None:
        self._top = top
        self._columns = csv_columns(top)
        self.header = csv_line(self._columns).encode()

    def encode(self, row: Row) -> bytes:
        return csv_line(csv_row(row, self._top)).encode(errors="backslashreplace")

    def is_whole(self, text: bytes) -> bool:
        return text.count(b'"') % 2 == 0  # else it ends within quotes

    def read(self, record: bytes) -> tuple[str, bool]:
        import csv

        try:
            cells = next(csv.reader([record.decode()], strict=True))
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if len(cells) != len(self._columns):
            raise ValueError(f"it has {len(cells)} cells instead of {len(self._columns)}")
        return cells[0], not cells[-1]
