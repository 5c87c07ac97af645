"""Everything that lies in a dataset, also empty class folders and files that are no images."""

import os
from dataclasses import dataclass
from pathlib import Path

from edgecls.dataset.formats.assemble import label_text
from edgecls.dataset.formats.folders import check_not_splits, has_split_folders, split_roots, subfolders
from edgecls.dataset.formats.lists import has_split_lists
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.image_files import IMAGE_SUFFIXES, is_hidden

__all__ = ["Survey", "survey"]

_EXPECTED = ("readme", "license", "licence", "copying", "citation", "augmented.jsonl", "collected.jsonl")
_EVERYWHERE = frozenset(
    [".DS_Store", ".localized", ".nomedia", ".directory", ".gitkeep", ".gitignore", ".gitattributes"]
)


@dataclass(frozen=True)
class Survey:
    """What lies in a dataset.

    Attributes:
        is_folders: The labels are folders, rather than named in a list or a table.
        labels: All labels, sorted by code point; also those without images.
        paths: Files with an image's suffix, or named as images by a list or table.
        path_labels: The label of each.
        strays: Other files in the class folders; hidden ones are passed over.
        empty: Class folders without images.
        folders: All class folders.
        outside: Files beside the class folders, but for those that people put there to be read, and edgecls's own.
        hidden: Hidden files in the dataset, and folders of systems and tools that have images in them.
    """

    is_folders: bool
    labels: tuple[str, ...]
    paths: tuple[Path, ...]
    path_labels: tuple[str, ...]
    strays: tuple[Path, ...] = ()
    empty: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    outside: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()


def survey(data: Path) -> Survey:
    """Find what lies in a dataset of any form that `read_dataset` takes.

    Raises:
        DatasetError: There is nothing, or it has no class folders, or its list or table cannot be used.
    """
    if data.is_file() or (data.is_dir() and has_split_lists(data)):
        whole = read_dataset(data).whole
        return Survey(False, whole.labels, whole.paths, tuple(whole.labels[index] for index in whole.label_ids))
    if not data.is_dir():
        raise DatasetError(f"there is no dataset {str(data)!r}; give a folder of class folders, a list or a CSV file")
    roots = [data]
    if has_split_folders(data):
        roots = list(split_roots(data).values())
    elif len(folders := subfolders(data)) > 1:
        check_not_splits(data, folders)
    class_folders = [folder for root in roots for folder in subfolders(root)]
    if not class_folders:
        raise DatasetError(
            f"{str(data)!r} has no class folders; put the images of each label into a folder named like the label"
        )
    images: list[tuple[Path, str]] = []
    strays: list[Path] = []
    empty: list[Path] = []
    outside: list[Path] = []
    hidden: list[Path] = []
    for root in dict.fromkeys([data, *roots]):
        for path in sorted(root.iterdir()):
            if is_hidden(path.name):
                hidden += _told_of_hidden(path)
            elif not path.is_dir() and not path.name.lower().startswith(_EXPECTED):
                outside.append(path)
    for folder in class_folders:
        files, hidden_files = _files_below(folder)
        hidden += hidden_files
        found = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
        images += [(path, label_text(folder.name)) for path in found]
        strays += [path for path in files if path.suffix.lower() not in IMAGE_SUFFIXES]
        if not found:
            empty.append(folder)
    return Survey(
        is_folders=True,
        labels=tuple(sorted({label_text(folder.name) for folder in class_folders})),
        paths=tuple(path for path, _ in images),
        path_labels=tuple(label for _, label in images),
        strays=tuple(strays),
        empty=tuple(empty),
        folders=tuple(class_folders),
        outside=tuple(outside),
        hidden=tuple(hidden),
    )


def _files_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return all visible files below a folder, in the order of `find_images`, and what is told of the hidden ones."""
    found: list[Path] = []
    hidden: list[Path] = []
    for parent, folders, files in os.walk(folder):
        for name in sorted(filter(is_hidden, [*folders, *files])):
            hidden += _told_of_hidden(Path(parent, name))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [Path(parent, name) for name in sorted(files) if not is_hidden(name)]
    return found, hidden


def _told_of_hidden(path: Path) -> list[Path]:
    """Return a hidden file unless every system has its like, and a hidden folder if it has images in it."""
    if not path.is_dir():
        return [] if path.name in _EVERYWHERE else [path]
    names = (name for _, _, files in os.walk(path) for name in files)
    return [path] if any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names) else []
