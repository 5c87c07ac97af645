"""What a dataset contains: images, other files, empty class folders, hidden files, and label names as written."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgecls.dataset.formats.folders import check_not_splits, has_split_folders, split_roots, subfolders
from edgecls.dataset.formats.labelled_images import label_text
from edgecls.dataset.formats.lists import has_split_lists
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.folder_names import label_fault
from edgecls.image_files import IMAGE_SUFFIXES, is_hidden

__all__ = ["Survey", "label_name_fault", "survey"]

_EXPECTED = ("readme", "license", "licence", "copying", "citation", "augmented.jsonl", "collected.jsonl", "drawn.json")
_EVERYWHERE = frozenset(
    [".DS_Store", ".localized", ".nomedia", ".directory", ".gitkeep", ".gitignore", ".gitattributes"]
)
_JOINERS = "\u200c\u200d"  # Persian and emoji need them


@dataclass(frozen=True)
class Survey:
    """The contents of a dataset.

    Attributes:
        is_folders: The labels are folders, rather than listed in a file.
        labels: All labels, sorted by code point; also those without images.
        paths: Files with an image's suffix, or listed as images.
        path_labels: The label of each.
        strays: Other files in the class folders, except hidden ones.
        empty: Class folders without images.
        folders: All class folders.
        outside: Files next to the class folders, except for READMEs, licences and the like, and edgecls's own.
        hidden: Hidden files in the dataset, and folders of systems and tools that contain images.
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

    @property
    def names(self) -> list[str]:
        """The labels as they are written, before they are brought to Unicode NFC, sorted."""
        return sorted({folder.name for folder in self.folders} or self.labels)

    @property
    def twins(self) -> Iterator[tuple[str, str, str]]:
        """Names of labels that look like an earlier one, each with that one, and in what they differ."""
        first_of: dict[str, str] = {}
        for name in self.names:
            first = first_of.setdefault(_seen(name), name)
            if first != name:
                yield name, first, _difference(name, first)


def survey(data: Path) -> Survey:
    """List the contents of a dataset of any format that `read_dataset` takes.

    Raises:
        DatasetError: The dataset does not exist, has no class folders, or its list cannot be used.
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
                hidden += _reported(path)
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
    """Return all visible files below a folder, in the order of `find_images`, and the hidden ones to report."""
    found: list[Path] = []
    hidden: list[Path] = []
    for parent, folders, files in os.walk(folder):
        for name in sorted(filter(is_hidden, [*folders, *files])):
            hidden += _reported(Path(parent, name))
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        found += [Path(parent, name) for name in sorted(files) if not is_hidden(name)]
    return found, hidden


def _reported(path: Path) -> list[Path]:
    """Return a hidden file unless it is of a usual kind, and a hidden folder if it contains images."""
    if not path.is_dir():
        return [] if path.name in _EVERYWHERE else [path]
    names = (name for _, _, files in os.walk(path) for name in files)
    return [path] if any(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in names) else []


def label_name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a label as it is written, if anything."""
    if name != name.strip():
        return "it begins or ends with a space"
    if any(unicodedata.category(character) == "Cf" and character not in _JOINERS for character in name):
        return "it has invisible characters"
    return label_fault(unicodedata.normalize("NFC", name))


def _seen(name: str) -> str:
    visible = "".join(
        character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFC", visible.casefold()).split())


def _difference(one: str, other: str) -> str:
    one, other = (unicodedata.normalize("NFC", name) for name in (one, other))
    if one == other:
        return "in Unicode form only: their images count as one label"
    if one.casefold() == other.casefold():
        return "in upper and lower case only"
    return "in spaces or in characters that look the same only"
