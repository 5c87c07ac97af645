"""Rows: what is written about an image, as a JSON object or a line of CSV."""

from collections.abc import Sequence
from typing import Any

__all__ = ["Row", "csv_columns", "csv_line", "csv_row", "written_name"]

Row = dict[str, Any]
"""What `edgecls run --format json` prints for an image."""


def written_name(name: str) -> str:
    """Return the name of an image as it stands in the output, where bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def csv_columns(top: int) -> list[str]:
    """Return the names of the columns of rows with so many labels."""
    ranks = [f"_{rank}" if rank > 1 else "" for rank in range(1, top + 1)]
    columns = [column + rank for rank in ranks for column in ("label", "probability")]
    columns[1:1] = ["known"]
    return ["image", *columns, "best_label", "familiarity", "reason", "time_ms", "error"]


def csv_row(row: Row, top: int) -> list[str]:
    """Return the cells of a row that has `top` labels, or an error."""
    if "error" in row:
        return [row["image"], *[""] * (2 * top + 5), row["error"]["message"]]
    familiarity = "" if row["familiarity"] is None else _six_digits(row["familiarity"])
    cells = [row["image"], row["label"], "true" if row["known"] else "false", _six_digits(row["probability"])]
    for score in row["top"][1:]:
        cells += [score["label"], _six_digits(score["probability"])]
    return [*cells, row["top"][0]["label"], familiarity, row["reason"] or "", f"{row['time_ms']:.3f}", ""]


def csv_line(cells: Sequence[str]) -> str:
    """Return cells as a line, or as several where cells have line breaks in them, which are in quotes then."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # with that, a lone CR in a cell gets quotes, too
    return text.getvalue()[:-2] + "\n"


def _six_digits(score: float) -> str:
    return f"{score:.6f}"
