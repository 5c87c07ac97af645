"""Pictures in folders `train`, `val` and `test`, each with one folder for each label."""

from collections.abc import Sequence
from pathlib import Path

from edgecls.dataset.forms.assemble import Listed, assemble
from edgecls.dataset.forms.class_folders import list_class_folders, subfolders
from edgecls.dataset.forms.labelled_pictures import Dataset
from edgecls.dataset.forms.split_names import USUAL_NAMES, split_named, split_names, splits_of
from edgecls.errors import DatasetError

__all__ = ["has_part_folders", "part_roots", "read_part_folders"]


def has_part_folders(root: Path) -> bool:
    """True where a folder is divided into parts, rather than having a label called "train".

    There must be a folder named like a training split that has folders itself, and beside it another split or nothing.

    Raises:
        DatasetError: All folders are named like splits, but there is none to train on, or it has no class folders.
    """
    folders = subfolders(root)
    parts = _parts(folders)
    train = next((folder for folder, part in parts.items() if part == "train"), None)
    if train is not None and subfolders(train) and (len(parts) > 1 or len(folders) == 1):
        return True
    if len(parts) > 1 and len(parts) == len(folders):
        named = ", ".join(repr(folder.name) for folder in parts)
        if train is None:
            raise DatasetError(f"{str(root)!r} has the splits {named} and none to train on; add a folder 'train'")
        raise DatasetError(
            f"{str(root)!r} has folders named like splits ({named}), but {train.name!r} has no class folders in it; "
            "put the images of each label into a folder named like the label, or list them in a CSV file with the "
            "columns path, label and split"
        )
    return False


def part_roots(root: Path) -> dict[str, Path]:
    """Return for each part of a folder with `has_part_folders` where its class folders are.

    That is the folder named like the split, or one within it by which archives repeat the name (seg_train/seg_train).

    Raises:
        DatasetError: Two folders for the same part, or folders beside the parts.
    """
    folders = subfolders(root)
    parts = _parts(folders)
    roots: dict[str, Path] = {}
    spellings: dict[str, str] = {}
    for folder in folders:
        if folder not in parts:
            raise DatasetError(
                f"{str(root)!r} has the parts of a dataset and, beside them, the folder {folder.name!r}; "
                f"move it elsewhere, or into a part if it is a label, or name it {USUAL_NAMES} if it is one"
            )
        name = parts[folder]
        if name in roots:
            both = f"{spellings[name]!r} and {folder.name!r}"
            raise DatasetError(f"{str(root)!r} has two folders for the part {name!r}, {both}; keep one")
        roots[name], spellings[name] = _class_root(folder), folder.name
    return roots


def read_part_folders(root: Path) -> Dataset:
    """Find the pictures in a folder with `train`, and `val` and `test` if there are such, in any usual spelling.

    A label of train may be missing from the other parts.

    Raises:
        DatasetError: Two folders for the same part, folders beside the parts, a label that only a held-out
            part has, a picture in two parts, or labels that cannot be used.
    """
    listed: dict[str, list[Listed]] = {}
    for name, folder in part_roots(root).items():
        listed[name] = list_class_folders(folder)
        if not listed[name] and not subfolders(folder):
            raise DatasetError(
                f"part {name!r} of {str(root)!r} has no pictures in class folders: nothing in {str(folder)!r} says "
                "what they show; sort them into a folder for each label, or move it elsewhere"
            )
    return assemble(listed, root)


def _parts(folders: Sequence[Path]) -> dict[Path, str]:
    """Return those of the folders that are splits, with the part they are.

    With more in the names than the split, as in seg_train and seg_test, they must agree in that, and the training
    split must have several folders: steam_train may well be a label.
    """
    exact = split_names(folder.name for folder in folders)
    if "train" in exact.values() or len(exact) > 1:
        return {folder: exact[folder.name] for folder in folders if folder.name in exact}
    by_rest: dict[tuple[str, ...], dict[str, str]] = {}
    for folder in folders:
        if (found := split_named(folder.name)) is not None:
            by_rest.setdefault(found[1], {})[folder.name] = found[0]
    for named in by_rest.values():
        parts = splits_of(named)
        divided = {folder: parts[folder.name] for folder in folders if folder.name in parts}
        train = next((folder for folder, part in divided.items() if part == "train"), None)
        if train is not None and len(set(parts.values())) > 1 and len(subfolders(_class_root(train))) > 1:
            return divided
    return {}


def _class_root(folder: Path) -> Path:
    """Go down where a split holds nothing but itself once more, or one folder called images or the like."""
    name = folder.name
    while len(inner := subfolders(folder)) == 1 and subfolders(inner[0]):
        named = split_named(f"train_{inner[0].name}")  # ("train", ()) for a name that says nothing by itself
        if inner[0].name != name and split_named(inner[0].name) != split_named(name) and named != ("train", ()):
            break
        folder = inner[0]
    return folder
