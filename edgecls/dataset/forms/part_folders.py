"""Pictures in folders `train`, `val` and `test`, each with one folder for each label."""

from pathlib import Path

from edgecls.dataset.forms.assemble import PART_NAMES, Listed, assemble
from edgecls.dataset.forms.class_folders import list_class_folders, subfolders
from edgecls.dataset.forms.labelled_pictures import Dataset
from edgecls.errors import DatasetError

__all__ = ["has_part_folders", "read_part_folders"]


def has_part_folders(root: Path) -> bool:
    """True where a folder is divided into parts, rather than having a label called "train".

    There must be a folder `train` that has folders itself, and beside it another part or nothing.
    """
    folders = subfolders(root)
    parts = [folder for folder in folders if folder.name in PART_NAMES]
    train = next((folder for folder in parts if folder.name == "train"), None)
    return train is not None and bool(subfolders(train)) and (len(parts) > 1 or len(folders) == 1)


def read_part_folders(root: Path) -> Dataset:
    """Find the pictures in a folder with `train`, and `val` (or `validation`, `valid`) and `test` if there are such.

    A label of train may be missing from the other parts.

    Raises:
        DatasetError: Two folders for the same part, folders beside the parts, a label that only a held-out
            part has, a picture in two parts, or labels that cannot be used.
    """
    listed: dict[str, list[Listed]] = {}
    for folder in subfolders(root):
        if folder.name not in PART_NAMES:
            raise DatasetError(
                f"{str(root)!r} has the parts of a dataset and, beside them, the folder {folder.name!r}; "
                "move it elsewhere, or into a part if it is a label"
            )
        name = PART_NAMES[folder.name]
        if name in listed:
            raise DatasetError(f"{str(root)!r} has two folders for the part {name!r}; keep one of {_spellings(name)}")
        listed[name] = list_class_folders(folder)
    return assemble(listed, root)


def _spellings(part: str) -> str:
    return ", ".join(repr(spelling) for spelling, name in PART_NAMES.items() if name == part)
