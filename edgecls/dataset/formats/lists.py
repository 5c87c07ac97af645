"""Datasets that are listed: text files with a path and a label on each line, and CSV files with a header."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgecls.dataset.formats.labelled_images import Dataset, Listed, assemble, check_files_exist, label_text
from edgecls.dataset.formats.split_names import USUAL_NAMES, split_names
from edgecls.errors import DatasetError
from edgecls.regular_file import open_regular

__all__ = ["has_split_lists", "read_csv_column", "read_csv_file", "read_list_file", "read_split_lists", "read_text"]

MAX_BYTES = 256 * 1024 * 1024  # of a list: millions of images
PATH_COLUMNS = ("path", "image", "file", "filename")
LABEL_COLUMNS = ("label",)
SPLIT_COLUMNS = ("split", "subset", "partition")


def read_list_file(path: Path) -> Dataset:
    """Read one list; all its images are in `train`.

    Raises:
        DatasetError: The list cannot be read or understood, names missing files or one
            twice, or its labels cannot be used.
    """
    return assemble({"train": _listed(path)}, path)


def has_split_lists(folder: Path) -> bool:
    """Return whether a folder has a list called `train.txt`, in any usual spelling."""
    return "train" in _split_lists(folder).values()


def read_split_lists(folder: Path) -> Dataset:
    """Read `train.txt`, and `val.txt` and `test.txt` if they exist, in any usual spelling (Training.txt, dev.txt).

    Raises:
        DatasetError: As `read_list_file`; also two lists for the same split, a label that only a held-out
            split has, or an image in two splits.
    """
    listed: dict[str, list[Listed]] = {}
    for path, name in _split_lists(folder).items():
        if name in listed:
            raise DatasetError(
                f"{str(folder)!r} has two lists for the split {name!r}; delete {path.name!r} or the other"
            )
        listed[name] = _listed(path)
    return assemble(listed, folder)


def _split_lists(folder: Path) -> dict[Path, str]:
    """Return the files named after a split and nothing else, with the split: train_images.txt is not one."""
    paths = [path for path in sorted(folder.glob("*.[tT][xX][tT]")) if path.is_file()]
    words = split_names(path.stem for path in paths if re.fullmatch(r"[^\W\d_]+", path.stem))
    return {path: words[path.stem] for path in paths if path.stem in words}


def _listed(path: Path) -> list[Listed]:
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DatasetError(f"{str(path)!r} lists no images; give a line for each, with its path, a tab and its label")
    separator = "\t" if any("\t" in line for _, line in numbered) else " "
    listed = []
    for number, line in numbered:
        image, _, label = line.strip(separator).rpartition(separator)
        image, label = image.rstrip(separator), label_text(label.strip())
        if not image.strip() or not label or "\t" in image:
            between = "a tab" if separator == "\t" else "a tab or a space"
            raise DatasetError(
                f"line {number} of {str(path)!r} is not a path, {between} and a label: {line[:200]!r}; correct it"
            )
        listed.append((path.parent / image, label))
    check_files_exist([image for image, _ in listed], path)
    return listed


def read_csv_file(path: Path) -> Dataset:
    """Read a CSV file whose header names a column of paths, a column `label` and perhaps one `split`.

    The column of paths is called path, image, file or filename. `split` (or subset, partition) holds
    train, val or test in any usual spelling; without that column all images are in `train`. Other columns are
    ignored.

    Raises:
        DatasetError: The file cannot be read or understood, names missing files or one
            twice, or its labels cannot be used.
    """
    rows = _rows(path)
    if len(rows) < 2:
        raise DatasetError(f"{str(path)!r} lists no images; give a header 'path,label' and a line for each image")
    (_, header), *numbered = rows
    path_column, label_column = _column(header, PATH_COLUMNS, path), _column(header, LABEL_COLUMNS, path)
    if path_column is None or label_column is None:
        raise DatasetError(
            f"{str(path)!r} needs a header with the columns 'path' and 'label', got {','.join(header)[:200]!r}; "
            f"the first may also be called {', '.join(PATH_COLUMNS[1:])}"
        )
    split_column = _column(header, SPLIT_COLUMNS, path)
    cells = () if split_column is None else {row[split_column] for _, row in numbered if len(row) > split_column}
    splits = split_names(cells)
    listed: dict[str, list[Listed]] = {}
    for line, row in numbered:
        if len(row) != len(header):
            raise DatasetError(
                f"line {line} of {str(path)!r} has {len(row)} cells, the header {len(header)}; correct it"
            )
        image, label = row[path_column], label_text(row[label_column].strip())
        if not image.strip() or not label:
            raise DatasetError(f"line {line} of {str(path)!r} has no {'label' if image.strip() else 'path'}; add it")
        split = "train" if split_column is None else _split(row[split_column], splits, line, path)
        listed.setdefault(split, []).append((path.parent / image, label))
    check_files_exist([image for images in listed.values() for image, _ in images], path)
    return assemble(listed, path)


def read_csv_column(path: Path, name: str) -> dict[Path, str] | None:
    """Return the cells of one column by the paths of the images; None if no column has this name.

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


def _split(cell: str, splits: Mapping[str, str], line: int, path: Path) -> str:
    if cell not in splits:
        raise DatasetError(f"line {line} of {str(path)!r} has split {cell!r}; give {USUAL_NAMES}")
    return splits[cell]


def read_text(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark, without changing its line ends.

    Raises:
        DatasetError: It cannot be read, is larger than a list can be, or is not in UTF-8.
    """
    try:
        with open_regular(path) as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(
            f"cannot read {str(path)!r}: {error.strerror}; check the path and who may read it"
        ) from error
    if len(data) > MAX_BYTES:
        raise DatasetError(f"{str(path)!r} has more than {MAX_BYTES // 2**20} MiB and cannot be a list of images")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{str(path)!r} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
