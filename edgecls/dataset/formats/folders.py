"""Datasets in folders: one folder for each label, and perhaps around these one for each split."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edgecls.dataset.formats.labelled_images import (
    Dataset,
    LabelledImages,
    Listed,
    assemble,
    first_names,
    label_text,
)
from edgecls.dataset.formats.split_names import USUAL_NAMES, split_named, split_names, splits_of
from edgecls.errors import DatasetError
from edgecls.image_files import find_images, has_image_name, is_hidden

__all__ = [
    "Tree",
    "check_not_splits",
    "has_split_folders",
    "list_class_folders",
    "read_class_folders",
    "read_folders",
    "read_split_folders",
    "split_roots",
    "subfolders",
]


class Tree(Protocol):
    """Where folders are: on this machine, or elsewhere under paths that stand for them."""

    def is_folder(self, path: Path) -> bool:
        """True if there is a folder of this path."""
        ...

    def folders(self, folder: Path) -> list[Path]:
        """Return the visible folders in a folder, sorted."""
        ...

    def images(self, folder: Path) -> list[Path]:
        """Return every visible file below a folder that has an image's suffix."""
        ...

    def has_own_images(self, folder: Path) -> bool:
        """True if there is such a file in the folder itself."""
        ...


class _ThisMachine:
    def is_folder(self, path: Path) -> bool:
        return path.is_dir()

    def folders(self, folder: Path) -> list[Path]:
        return subfolders(folder)

    def images(self, folder: Path) -> list[Path]:
        return find_images(folder)

    def has_own_images(self, folder: Path) -> bool:
        with os.scandir(folder) as entries:
            return any(has_image_name(entry.name) for entry in entries if not entry.is_dir())


_HERE = _ThisMachine()


def read_folders(root: Path, tree: Tree = _HERE, *, groups_within_labels: bool = False) -> Dataset:
    """Find the images in a folder with class folders, or with folders for splits that have these.

    Args:
        root: The folder.
        tree: Where it is.
        groups_within_labels: As for `read_class_folders`.

    Raises:
        DatasetError: As `read_split_folders` and `read_class_folders`.
    """
    if tree.is_folder(root) and has_split_folders(root, tree):
        return read_split_folders(root, tree)
    return Dataset(read_class_folders(root, tree, groups_within_labels=groups_within_labels))


def read_class_folders(root: Path, tree: Tree = _HERE, *, groups_within_labels: bool = False) -> LabelledImages:
    """Find the images in a folder that has one folder for each label.

    Images are files with an image's suffix, at any depth below a label's folder. Hidden files and
    folders are ignored. Labels are normalised to Unicode NFC, so that a folder made on a Mac
    has the same label as one made elsewhere.

    Args:
        root: The folder.
        tree: Where it is.
        groups_within_labels: Folders within those of the labels are known to be groups of images, as of one object.
            They may then have the same names in all labels.

    Raises:
        DatasetError: The folder does not exist, there are fewer than two labels, a label without images, or
            a folder name that cannot be a label; or the folders look like splits, and those in them like labels.
    """
    if not tree.is_folder(root):
        raise DatasetError(f"there is no folder {str(root)!r}; give a folder that has one folder for each label")
    folders = tree.folders(root)
    if len(folders) < 2:
        inner = f"; or did you mean {str(folders[0])!r}, which has folders" if any(map(tree.folders, folders)) else ""
        raise DatasetError(
            f"{str(root)!r} has {len(folders)} class folder(s), at least 2 are needed; "
            f"put the images of each label into a folder named like the label{inner}"
        )
    check_not_splits(root, folders, tree, groups_within_labels=groups_within_labels)
    listed = list_class_folders(root, tree)
    filled = {label for _, label in listed}
    for folder in folders:
        if label_text(folder.name) not in filled:
            raise DatasetError(f"class folder {str(folder)!r} has no images; put some in or delete the folder")
    return assemble({"train": listed}, root).train


def has_split_folders(root: Path, tree: Tree = _HERE) -> bool:
    """Return whether a folder is divided into splits, rather than having a label called "train".

    There must be a folder named like a training split that has folders itself, next to another split or nothing.

    Raises:
        DatasetError: All folders are named like splits, but none like a training split, or that has no class folders.
    """
    folders = tree.folders(root)
    splits = _splits(folders, tree)
    train = next((folder for folder, split in splits.items() if split == "train"), None)
    if train is not None and tree.folders(train) and (len(splits) > 1 or len(folders) == 1):
        return True
    if len(splits) > 1 and len(splits) == len(folders):
        named = ", ".join(repr(folder.name) for folder in splits)
        if train is None:
            raise DatasetError(f"{str(root)!r} has the splits {named} and none to train on; add a folder 'train'")
        raise DatasetError(
            f"{str(root)!r} has folders named like splits ({named}), but {train.name!r} has no class folders in it; "
            "put the images of each label into a folder named like the label, or list them in a CSV file with the "
            "columns path, label and split"
        )
    return False


def read_split_folders(root: Path, tree: Tree = _HERE) -> Dataset:
    """Find the images in a folder with `train`, and `val` and `test` if they exist, in any usual spelling.

    A label of train may be missing from the other splits.

    Raises:
        DatasetError: Two folders for the same split, folders that are not splits, a label that only a held-out
            split has, an image in two splits, or invalid labels.
    """
    listed: dict[str, list[Listed]] = {}
    for name, folder in split_roots(root, tree).items():
        listed[name] = list_class_folders(folder, tree)
        if not listed[name] and not tree.folders(folder):
            raise DatasetError(
                f"split {name!r} of {str(root)!r} has no images in class folders: nothing in {str(folder)!r} gives "
                "their labels; sort them into a folder for each label, or move it elsewhere"
            )
    return assemble(listed, root)


def split_roots(root: Path, tree: Tree = _HERE) -> dict[str, Path]:
    """Return for each split of a folder with `has_split_folders` where its class folders are.

    That is the folder named like the split, or one within it by which archives repeat the name (seg_train/seg_train).

    Raises:
        DatasetError: Two folders for the same split, or folders that are not splits.
    """
    folders = tree.folders(root)
    splits = _splits(folders, tree)
    roots: dict[str, Path] = {}
    spellings: dict[str, str] = {}
    for folder in folders:
        if folder not in splits:
            raise DatasetError(
                f"{str(root)!r} has the splits of a dataset and also the folder {folder.name!r}; "
                f"move it elsewhere, or into a split if it is a label, or rename it to {USUAL_NAMES} if it is a split"
            )
        name = splits[folder]
        if name in roots:
            both = f"{spellings[name]!r} and {folder.name!r}"
            raise DatasetError(f"{str(root)!r} has two folders for the split {name!r}, {both}; keep one")
        roots[name], spellings[name] = _class_root(folder, tree), folder.name
    return roots


def list_class_folders(root: Path, tree: Tree = _HERE) -> list[Listed]:
    """Return every image below the class folders in `root`, with its label."""
    return [(path, label_text(folder.name)) for folder in tree.folders(root) for path in tree.images(folder)]


def subfolders(root: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted.

    Raises:
        DatasetError: The folder cannot be read.
    """
    try:
        with os.scandir(root) as entries:
            return sorted(root / entry.name for entry in entries if not is_hidden(entry.name) and entry.is_dir())
    except OSError as error:
        raise DatasetError(f"cannot read folder {str(root)!r}: {error.strerror}; check who may read it") from error


def check_not_splits(
    root: Path, folders: Sequence[Path], tree: Tree = _HERE, *, groups_within_labels: bool = False
) -> None:
    """Refuse folders that all hold the same folders and no images: splits or sources would become the labels.

    Args:
        root: The folder that has them.
        folders: They.
        tree: Where they are.
        groups_within_labels: They are known to be labels, so that only splits within them are refused.

    Raises:
        DatasetError: They do.
    """
    common: set[str] = set()
    most = 0
    for index, folder in enumerate(folders):
        names = {label_text(inner.name).casefold() for inner in tree.folders(folder)}
        common = names if index == 0 else common & names
        most = max(most, len(names))
        if len(common) < 2:
            return
    if 2 * len(common) < most or any(map(tree.has_own_images, folders)):
        return
    outer, inner = first_names([folder.name for folder in folders]), first_names(sorted(common))
    beginning = f"all folders in {str(root)!r} ({outer}) hold the same folders ({inner}) and no images of their own"
    if len(set(split_names(common).values())) > 1:
        raise DatasetError(
            f"{beginning}, which look like splits: put the labels into the splits, as in train/{folders[0].name}, "
            "or list the images in a CSV file with the columns path, label and split"
        )
    if groups_within_labels:
        return
    raise DatasetError(
        f"{beginning}, so they look like splits or sources, not like labels. If the inner folders are the labels, "
        "name the outer ones train, val and test, or put their contents together; if the outer ones are the labels, "
        "move the images up into them, list them in a CSV file with the columns path and label, or divide them with "
        "edgecls data split --group-by folder"
    )


def _splits(folders: Sequence[Path], tree: Tree) -> dict[Path, str]:
    """Return which of the folders are splits, with the split that each is.

    If the names hold more than the split, as in seg_train and seg_test, that must be the same in all of them, and the
    training split must have several folders: steam_train may well be a label.
    """
    exact = split_names(folder.name for folder in folders)
    if "train" in exact.values() or len(exact) > 1:
        return {folder: exact[folder.name] for folder in folders if folder.name in exact}
    by_rest: dict[tuple[str, ...], dict[str, str]] = {}
    for folder in folders:
        if (found := split_named(folder.name)) is not None:
            by_rest.setdefault(found[1], {})[folder.name] = found[0]
    for named in by_rest.values():
        split_of = splits_of(named)
        divided = {folder: split_of[folder.name] for folder in folders if folder.name in split_of}
        train = next((folder for folder, split in divided.items() if split == "train"), None)
        if train is not None and len(set(split_of.values())) > 1 and len(tree.folders(_class_root(train, tree))) > 1:
            return divided
    return {}


def _class_root(folder: Path, tree: Tree) -> Path:
    """Descend where a split holds only itself once more, or one folder called images or the like."""
    name = folder.name
    while len(inner := tree.folders(folder)) == 1 and tree.folders(inner[0]):
        named = split_named(f"train_{inner[0].name}")  # ("train", ()) for a name without a meaning of its own
        if inner[0].name != name and split_named(inner[0].name) != split_named(name) and named != ("train", ()):
            break
        folder = inner[0]
    return folder
