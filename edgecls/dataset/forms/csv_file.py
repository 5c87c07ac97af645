"""A table of pictures and labels as CSV, with a header."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecls.dataset.forms.assemble import Listed, assemble, check_files_exist, label_text
from edgecls.dataset.forms.labelled_pictures import Dataset
from edgecls.dataset.forms.split_names import USUAL_NAMES, split_names
from edgecls.dataset.forms.text_file import read_text
from edgecls.errors import DatasetError

__all__ = ["read_csv_column", "read_csv_file"]

PATH_COLUMNS = ("path", "image", "file", "filename")
LABEL_COLUMNS = ("label",)
PART_COLUMNS = ("split", "subset", "partition")


def read_csv_file(path: Path) -> Dataset:
    """Read a CSV file whose header names a column of paths, a column `label` and perhaps one `split`.

    The column of paths is called path, image, file or filename. In `split` (or subset, partition) stands
    train, val or test in any usual spelling; without that column all pictures are in `train`. Other columns are
    passed over.

    Raises:
        DatasetError: The file cannot be read or understood, names files that are not there or one
            twice, or its labels cannot be used.
    """
    rows = _rows(path)
    if len(rows) < 2:
        raise DatasetError(f"{str(path)!r} lists no pictures; give a header 'path,label' and a line for each picture")
    (_, header), *numbered = rows
    path_column, label_column = _column(header, PATH_COLUMNS, path), _column(header, LABEL_COLUMNS, path)
    if path_column is None or label_column is None:
        raise DatasetError(
            f"{str(path)!r} needs a header with the columns 'path' and 'label', got {','.join(header)[:200]!r}; "
            f"the first may also be called {', '.join(PATH_COLUMNS[1:])}"
        )
    part_column = _column(header, PART_COLUMNS, path)
    cells = () if part_column is None else {row[part_column] for _, row in numbered if len(row) > part_column}
    parts = split_names(cells)
    listed: dict[str, list[Listed]] = {}
    for line, row in numbered:
        if len(row) != len(header):
            raise DatasetError(
                f"line {line} of {str(path)!r} has {len(row)} cells, the header {len(header)}; correct it"
            )
        picture, label = row[path_column], label_text(row[label_column].strip())
        if not picture.strip() or not label:
            raise DatasetError(f"line {line} of {str(path)!r} has no {'label' if picture.strip() else 'path'}; add it")
        part = "train" if part_column is None else _part(row[part_column], parts, line, path)
        listed.setdefault(part, []).append((path.parent / picture, label))
    check_files_exist([picture for pictures in listed.values() for picture, _ in pictures], path)
    return assemble(listed, path)


def read_csv_column(path: Path, name: str) -> dict[Path, str] | None:
    """Return the cells of one column by the paths of the pictures; None if there is no column of this name.

    Args:
        path: A file that `read_csv_file` reads.
        name: What the header calls the column, in upper or lower case.

    Raises:
        DatasetError: As `read_csv_file`, of its lines.
    """
    (_, header), *numbered = _rows(path)
    path_column = _column(header, PATH_COLUMNS, path)
    column = _column(header, (name.strip().lower(),), path)
    if path_column is None or column is None:
        return None
    return {path.parent / row[path_column]: row[column].strip() for _, row in numbered}


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with the number of the line it ends on."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DatasetError(
            f"line {reader.line_num} of {str(path)!r} is not CSV: {error}; save it again, with commas between the cells"
        ) from error


def _column(header: Sequence[str], names: Sequence[str], path: Path) -> int | None:
    """Return the index of the one column that has one of the names; None if there is none."""
    found = [index for index, column in enumerate(header) if column.strip().lower() in names]
    if len(found) > 1:
        both = " and ".join(repr(header[index]) for index in found)
        raise DatasetError(f"{str(path)!r} has the columns {both}, which mean the same; keep one")
    return found[0] if found else None


def _part(cell: str, parts: Mapping[str, str], line: int, path: Path) -> str:
    if cell not in parts:
        raise DatasetError(f"line {line} of {str(path)!r} has split {cell!r}; give {USUAL_NAMES}")
    return parts[cell]
