"""Lists of pictures: one line for each, path and label; and folders with a list for each part.

Path and label are separated by a tab. A list without any tab is split at the last space of each
line, so that paths may hold spaces, and labels only where tabs are used.
"""

from pathlib import Path

from edgecls.dataset.forms.assemble import PART_NAMES, Listed, assemble, check_files_exist, label_text
from edgecls.dataset.forms.labelled_pictures import Dataset
from edgecls.dataset.forms.text_file import read_text
from edgecls.errors import DatasetError

__all__ = ["has_part_lists", "read_list_file", "read_part_lists"]


def read_list_file(path: Path) -> Dataset:
    """Read one list; all its pictures are in `train`.

    Raises:
        DatasetError: The list cannot be read or understood, names files that are not there or one
            twice, or its labels cannot be used.
    """
    return assemble({"train": _listed(path)}, path)


def has_part_lists(folder: Path) -> bool:
    """True where a folder has a list called `train.txt`."""
    return (folder / "train.txt").is_file()


def read_part_lists(folder: Path) -> Dataset:
    """Read `train.txt`, and `val.txt` (or `validation.txt`, `valid.txt`) and `test.txt` if there are such.

    Raises:
        DatasetError: As `read_list_file`; also two lists for the same part, a label that only a held-out
            part has, or a picture in two parts.
    """
    listed: dict[str, list[Listed]] = {}
    for spelling, name in PART_NAMES.items():
        path = folder / f"{spelling}.txt"
        if path.is_file():
            if name in listed:
                raise DatasetError(
                    f"{str(folder)!r} has two lists for the part {name!r}; delete {path.name!r} or the other"
                )
            listed[name] = _listed(path)
    return assemble(listed, folder)


def _listed(path: Path) -> list[Listed]:
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not numbered:
        raise DatasetError(f"{str(path)!r} lists no pictures; give a line for each, with its path, a tab and its label")
    separator = "\t" if any("\t" in line for _, line in numbered) else " "
    listed = []
    for number, line in numbered:
        picture, _, label = line.strip(separator).rpartition(separator)
        picture, label = picture.rstrip(separator), label_text(label.strip())
        if not picture.strip() or not label or "\t" in picture:
            between = "a tab" if separator == "\t" else "a tab or a space"
            raise DatasetError(
                f"line {number} of {str(path)!r} is not a path, {between} and a label: {line[:200]!r}; correct it"
            )
        listed.append((path.parent / picture, label))
    check_files_exist([picture for picture, _ in listed], path)
    return listed
