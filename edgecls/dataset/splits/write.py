"""Writing a divided dataset: folders of copies or links, or lists."""

import contextlib
import errno
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import DatasetError, OutputError
from edgecls.image_files import IMAGE_SUFFIXES, is_hidden

__all__ = ["SplitFormat", "check_splits_writable", "write_splits"]


class SplitFormat(StrEnum):
    """How a divided dataset is written.

    COPIES: class folders in a folder for each part, with copies of the files.
    LINKS: the same with hard links, which need no space and outlive the original; where there can be
        none, as from another file system, with symbolic links.
    LISTS: a text file for each part, with the absolute path, a tab and the label on each line.
    """

    COPIES = "copies"
    LINKS = "links"
    LISTS = "lists"


def check_splits_writable(out: Path, images: LabelledImages, form: SplitFormat) -> None:
    """Find out before long work whether a dataset can be written there.

    Raises:
        DatasetError: A label cannot be the name of a folder, or a name cannot stand in a list.
        OutputError: Something is there other than an empty folder, or its parent is not a folder to write to.
    """
    if os.path.lexists(out) and not (out.is_dir() and not out.is_symlink() and _is_empty(out)):
        raise OutputError(f"cannot write {str(out)!r}: it exists already; give a new or empty folder")
    if not os.access(out.absolute().parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write {str(out)!r}: there is no folder {str(out.absolute().parent)!r} to write to; make it first"
        )
    if form is SplitFormat.LISTS:
        _check_listable(images)
    else:
        _check_folder_names(images)


def write_splits(
    out: Path,
    images: LabelledImages,
    parts: Mapping[str, Sequence[int]],
    form: SplitFormat,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the parts of a dataset into a new folder, whole or not at all.

    Everything is written into a folder of a temporary name beside `out`, which is renamed at the end. An
    image keeps its file name; if another one of the same part and label has it already, a number is added.

    Args:
        out: Where to write: nothing may be there, or an empty folder.
        images: The dataset.
        parts: For each part, by its name, the indices of its images.
        form: What to write.
        on_progress: Called with the number of images written and the number of all.

    Raises:
        DatasetError: A label cannot be the name of a folder, or a name cannot stand in a list.
        OutputError: The folder cannot be written.
    """
    check_splits_writable(out, images, form)
    try:
        with _whole_folder(out) as folder:
            if form is SplitFormat.LISTS:
                _write_lists(folder, images, parts)
            else:
                place = shutil.copy2 if form is SplitFormat.COPIES else _link
                _write_folders(folder, images, parts, place, on_progress)
    except OSError as error:  # shutil.Error is one
        named = f" ({error.filename!r})" if error.filename else ""
        raise OutputError(
            f"cannot write {str(out)!r}: {error.strerror or error}{named}; nothing is left of it"
        ) from error


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


@contextlib.contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    out = out.absolute()
    temporary = out.with_name(f".{os.urandom(4).hex()}-{out.name}")
    temporary.mkdir()
    try:
        yield temporary
        if out.is_dir():
            out.rmdir()  # only an empty one can be removed
        temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_lists(folder: Path, images: LabelledImages, parts: Mapping[str, Sequence[int]]) -> None:
    for name, indices in parts.items():
        lines = [
            f"{os.path.abspath(images.paths[index])}\t{images.labels[images.label_ids[index]]}\n" for index in indices
        ]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8", newline="")


def _write_folders(
    folder: Path,
    images: LabelledImages,
    parts: Mapping[str, Sequence[int]],
    place: Callable[[Path, Path], object],
    on_progress: Callable[[int, int], None],
) -> None:
    done = 0
    for name, indices in parts.items():
        taken: set[str] = set()
        for index in indices:
            class_folder = folder / name / images.labels[images.label_ids[index]]
            class_folder.mkdir(parents=True, exist_ok=True)
            place(images.paths[index], _free_name(class_folder / images.paths[index].name, taken))
            done += 1
            on_progress(done, len(images.paths))


def _free_name(path: Path, taken: set[str]) -> Path:
    """Return the path, numbered if it is taken; also where large and small letters or accents are the same."""
    free, number = path, 1
    while (key := unicodedata.normalize("NFC", str(free)).casefold()) in taken:
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    taken.add(key)
    return free


def _link(source: Path, target: Path) -> None:
    real = os.path.realpath(source)
    try:
        os.link(real, target)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
            raise
        os.symlink(real, target)


def _check_folder_names(images: LabelledImages) -> None:
    for label in images.labels:
        if is_hidden(label) or set(label) & {"/", os.sep, "\0"}:
            raise DatasetError(f"label {label!r} cannot be the name of a folder; write lists instead: --as lists")
    for path in images.paths:
        if is_hidden(path.name) or path.suffix.lower() not in IMAGE_SUFFIXES:
            raise DatasetError(
                f"{str(path)!r} would be passed over in a class folder, as its name is hidden or not an image's; "
                "rename it, or write lists instead: --as lists"
            )


def _check_listable(images: LabelledImages) -> None:
    for name in [*images.labels, *map(str, images.paths)]:
        if any(char in "\t\n" or "\ud800" <= char <= "\udfff" for char in name):
            raise DatasetError(
                f"{name!r} cannot stand in a list: it has a tab or a line break or is not in UTF-8; "
                "rename it, or write folders instead: --as copies"
            )
