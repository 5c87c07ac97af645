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
    """How a divided dataset is written."""

    COPIES = "copies"  # class folders in a folder for each split, with copies of the files
    LINKS = "links"  # the same with hard links, which need no space and outlive the original; symbolic if impossible
    LISTS = "lists"  # a text file for each split, with the absolute path, a tab and the label on each line


def check_splits_writable(out: Path, images: LabelledImages, split_format: SplitFormat) -> None:
    """Check, before long work, that a dataset can be written there.

    Raises:
        DatasetError: A label cannot be the name of a folder, or a name cannot be written into a list.
        OutputError: The path exists and is not an empty folder, or its parent is not a writable folder.
    """
    if os.path.lexists(out) and not (out.is_dir() and not out.is_symlink() and not any(out.iterdir())):
        raise OutputError(f"cannot write {str(out)!r}: it exists already; give a new or empty folder")
    if not os.access(out.absolute().parent, os.W_OK | os.X_OK):
        raise OutputError(
            f"cannot write {str(out)!r}: {str(out.absolute().parent)!r} is not a writable folder; create it first"
        )
    if split_format is SplitFormat.LISTS:
        _check_listable(images)
    else:
        _check_folder_names(images)


def write_splits(
    out: Path,
    images: LabelledImages,
    splits: Mapping[str, Sequence[int]],
    split_format: SplitFormat,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the splits of a dataset into a new folder, whole or not at all.

    Everything is written into a folder of a temporary name next to `out`, which is renamed at the end. An
    image keeps its file name; if another one of the same split and label has it already, a number is added.

    Args:
        out: Where to write: a new or empty folder.
        images: The dataset.
        splits: For each split, by its name, the indices of its images.
        split_format: What to write.
        on_progress: Called with the number of images written and the number of all.

    Raises:
        DatasetError: A label cannot be the name of a folder, or a name cannot be written into a list.
        OutputError: The folder cannot be written.
    """
    check_splits_writable(out, images, split_format)
    try:
        with _whole_folder(out) as folder:
            if split_format is SplitFormat.LISTS:
                _write_lists(folder, images, splits)
            else:
                place = shutil.copy2 if split_format is SplitFormat.COPIES else _link
                _write_folders(folder, images, splits, place, on_progress)
    except OSError as error:  # shutil.Error is one
        named = f" ({error.filename!r})" if error.filename else ""
        raise OutputError(
            f"cannot write {str(out)!r}: {error.strerror or error}{named}; nothing was left behind"
        ) from error


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


def _write_lists(folder: Path, images: LabelledImages, splits: Mapping[str, Sequence[int]]) -> None:
    for name, indices in splits.items():
        lines = [
            f"{os.path.abspath(images.paths[index])}\t{images.labels[images.label_ids[index]]}\n" for index in indices
        ]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8", newline="")


def _write_folders(
    folder: Path,
    images: LabelledImages,
    splits: Mapping[str, Sequence[int]],
    place: Callable[[Path, Path], object],
    on_progress: Callable[[int, int], None],
) -> None:
    done = 0
    for name, indices in splits.items():
        taken: set[str] = set()
        for index in indices:
            class_folder = folder / name / images.labels[images.label_ids[index]]
            class_folder.mkdir(parents=True, exist_ok=True)
            place(images.paths[index], _free_name(class_folder / images.paths[index].name, taken))
            done += 1
            on_progress(done, len(images.paths))


def _free_name(path: Path, taken: set[str]) -> Path:
    """Return the path, numbered if it is taken; names that differ in case or accent encoding only count as the same."""
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
                f"{str(path)!r} would be ignored in a class folder, as its name is hidden or not an image's; "
                "rename it, or write lists instead: --as lists"
            )


def _check_listable(images: LabelledImages) -> None:
    for name in [*images.labels, *map(str, images.paths)]:
        if any(char in "\t\n" or "\ud800" <= char <= "\udfff" for char in name):
            raise DatasetError(
                f"{name!r} cannot be written into a list: it has a tab or a line break or is not in UTF-8; "
                "rename it, or write folders instead: --as copies"
            )
