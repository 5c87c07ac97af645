"""Images sorted into folders, one folder for each label."""

import os
from collections.abc import Sequence
from pathlib import Path

from edgecls.dataset.formats.assemble import Listed, assemble, label_text
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.split_names import USUAL_NAMES, split_named, split_names, splits_of
from edgecls.errors import DatasetError
from edgecls.image_files import find_images, has_image_name, is_hidden

__all__ = [
    "check_not_splits",
    "has_split_folders",
    "list_class_folders",
    "read_class_folders",
    "read_split_folders",
    "split_roots",
    "subfolders",
]

NAMED_AT_MOST = 5  # folders in a message


def read_class_folders(root: Path) -> LabelledImages:
    """Find the images in a folder that has one folder for each label.

    Images are files with an image's suffix, at any depth below a label's folder. Hidden files and
    folders are passed over. Labels are normalised to Unicode NFC, so that a folder made on a Mac
    has the same label as one made elsewhere.

    Raises:
        DatasetError: There is no such folder, fewer than two labels, a label without images, or
            a folder name that cannot be a label; or the folders look like splits, and those in them like labels.
    """
    if not root.is_dir():
        raise DatasetError(f"there is no folder {str(root)!r}; give a folder that has one folder for each label")
    folders = subfolders(root)
    if len(folders) < 2:
        inner = f"; or is it {str(folders[0])!r}, which has folders, that you mean" if _has_folders(folders) else ""
        raise DatasetError(
            f"{str(root)!r} has {len(folders)} class folder(s), at least 2 are needed; "
            f"put the images of each label into a folder named like the label{inner}"
        )
    check_not_splits(root, folders)
    listed = list_class_folders(root)
    filled = {label for _, label in listed}
    for folder in folders:
        if label_text(folder.name) not in filled:
            raise DatasetError(f"class folder {str(folder)!r} has no images; put some in or delete the folder")
    return assemble({"train": listed}, root).train


def list_class_folders(root: Path) -> list[Listed]:
    """Return every image below the class folders in `root`, with its label; none if there are none."""
    return [(path, label_text(folder.name)) for folder in subfolders(root) for path in find_images(folder)]


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
    """Refuse folders that all hold the same folders and no images: splits or sources would become the labels.

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
    if 2 * len(common) < most or any(_has_own_images(folder) for folder in folders):
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


def _has_own_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(has_image_name(entry.name) for entry in entries if not entry.is_dir())


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:NAMED_AT_MOST])) + (", ..." if len(names) > NAMED_AT_MOST else "")


def has_split_folders(root: Path) -> bool:
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


def split_roots(root: Path) -> dict[str, Path]:
    """Return for each part of a folder with `has_split_folders` where its class folders are.

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


def read_split_folders(root: Path) -> Dataset:
    """Find the images in a folder with `train`, and `val` and `test` if there are such, in any usual spelling.

    A label of train may be missing from the other parts.

    Raises:
        DatasetError: Two folders for the same part, folders beside the parts, a label that only a held-out
            part has, an image in two parts, or labels that cannot be used.
    """
    listed: dict[str, list[Listed]] = {}
    for name, folder in split_roots(root).items():
        listed[name] = list_class_folders(folder)
        if not listed[name] and not subfolders(folder):
            raise DatasetError(
                f"part {name!r} of {str(root)!r} has no images in class folders: nothing in {str(folder)!r} says "
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
