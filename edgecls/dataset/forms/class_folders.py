"""Pictures sorted into folders, one folder for each label."""

import os
from collections.abc import Sequence
from pathlib import Path

from edgecls.dataset.forms.assemble import Listed, assemble, label_text
from edgecls.dataset.forms.labelled_pictures import LabelledPictures
from edgecls.dataset.forms.split_names import split_names
from edgecls.errors import DatasetError
from edgecls.picture_files import find_pictures, has_picture_name, is_hidden

__all__ = ["check_not_splits", "list_class_folders", "read_class_folders", "subfolders"]

NAMED_AT_MOST = 5  # folders in a message


def read_class_folders(root: Path) -> LabelledPictures:
    """Find the pictures in a folder that has one folder for each label.

    Pictures are files with a picture's suffix, at any depth below a label's folder. Hidden files and
    folders are passed over. Labels are normalised to Unicode NFC, so that a folder made on a Mac
    has the same label as one made elsewhere.

    Raises:
        DatasetError: There is no such folder, fewer than two labels, a label without pictures, or
            a folder name that cannot be a label; or the folders look like splits, and those in them like labels.
    """
    if not root.is_dir():
        raise DatasetError(f"there is no folder {str(root)!r}; give a folder that has one folder for each label")
    folders = subfolders(root)
    if len(folders) < 2:
        inner = f"; or is it {str(folders[0])!r}, which has folders, that you mean" if _has_folders(folders) else ""
        raise DatasetError(
            f"{str(root)!r} has {len(folders)} class folder(s), at least 2 are needed; "
            f"put the pictures of each label into a folder named like the label{inner}"
        )
    check_not_splits(root, folders)
    listed = list_class_folders(root)
    filled = {label for _, label in listed}
    for folder in folders:
        if label_text(folder.name) not in filled:
            raise DatasetError(f"class folder {str(folder)!r} has no pictures; put some in or delete the folder")
    return assemble({"train": listed}, root).train


def list_class_folders(root: Path) -> list[Listed]:
    """Return every picture below the class folders in `root`, with its label; none if there are none."""
    return [(path, label_text(folder.name)) for folder in subfolders(root) for path in find_pictures(folder)]


def subfolders(root: Path) -> list[Path]:
    """Return the folders in a folder but hidden ones, sorted.

    Raises:
        DatasetError: The folder cannot be read.
    """
    try:
        with os.scandir(root) as entries:
            return sorted(root / entry.name for entry in entries if not is_hidden(entry.name) and entry.is_dir())
    except OSError as error:
        raise DatasetError(f"cannot read folder {str(root)!r}: {error.strerror}; check who may read it") from error


def _has_folders(folders: Sequence[Path]) -> bool:
    return any(subfolders(folder) for folder in folders)


def check_not_splits(root: Path, folders: Sequence[Path]) -> None:
    """Refuse folders that all hold the same folders and no pictures: splits or sources would become the labels.

    Raises:
        DatasetError: They do.
    """
    common: set[str] = set()
    most = 0
    for index, folder in enumerate(folders):
        names = {label_text(inner.name).casefold() for inner in subfolders(folder)}
        common = names if index == 0 else common & names
        most = max(most, len(names))
        if len(common) < 2:
            return
    if 2 * len(common) < most or any(_has_own_pictures(folder) for folder in folders):
        return
    outer, inner = _some([folder.name for folder in folders]), _some(sorted(common))
    beginning = f"all folders in {str(root)!r} ({outer}) hold the same folders ({inner}) and no images beside them"
    if len(set(split_names(common).values())) > 1:
        raise DatasetError(
            f"{beginning}, which look like splits: put the labels into the splits, as in train/{folders[0].name}, "
            "or list the images in a CSV file with the columns path, label and split"
        )
    raise DatasetError(
        f"{beginning}, so they look like splits or sources, not like labels. If the inner folders are the labels, "
        "name the outer ones train, val and test, or put their contents together; if the outer ones are the labels, "
        "move the images up into them, or list them in a CSV file with the columns path and label"
    )


def _has_own_pictures(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(has_picture_name(entry.name) for entry in entries if not entry.is_dir())


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:NAMED_AT_MOST])) + (", ..." if len(names) > NAMED_AT_MOST else "")
