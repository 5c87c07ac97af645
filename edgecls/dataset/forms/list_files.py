"""Lists of pictures: one line for each, path and label; and folders with a list for each part.

Path and label are separated by a tab. A list without any tab is split at the last space of each
line, so that paths may hold spaces, and labels only where tabs are used.
"""

import re
from pathlib import Path

from edgecls.dataset.forms.assemble import Listed, assemble, check_files_exist, label_text
from edgecls.dataset.forms.labelled_pictures import Dataset
from edgecls.dataset.forms.split_names import split_names
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
    """True where a folder has a list called `train.txt`, in any usual spelling."""
    return "train" in _part_lists(folder).values()


def read_part_lists(folder: Path) -> Dataset:
    """Read `train.txt`, and `val.txt` and `test.txt` if there are such, in any usual spelling (Training.txt, dev.txt).

    Raises:
        DatasetError: As `read_list_file`; also two lists for the same part, a label that only a held-out
            part has, or a picture in two parts.
    """
    listed: dict[str, list[Listed]] = {}
    for path, name in _part_lists(folder).items():
        if name in listed:
            raise DatasetError(
                f"{str(folder)!r} has two lists for the part {name!r}; delete {path.name!r} or the other"
            )
        listed[name] = _listed(path)
    return assemble(listed, folder)


def _part_lists(folder: Path) -> dict[Path, str]:
    """Return the files that are called like a split and nothing else, with the part: train_images.txt is none."""
    paths = [path for path in sorted(folder.glob("*.[tT][xX][tT]")) if path.is_file()]
    words = split_names(path.stem for path in paths if re.fullmatch(r"[^\W\d_]+", path.stem))
    return {path: words[path.stem] for path in paths if path.stem in words}


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
