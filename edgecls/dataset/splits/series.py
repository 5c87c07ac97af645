"""Images that belong together by their names: frames of one object, images of one patient or of one day."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgecls.dataset.formats.labelled_images import LabelledImages, label_text
from edgecls.dataset.formats.lists import read_csv_column
from edgecls.errors import DatasetError

__all__ = ["FOLDER", "Series", "group_keys", "series_in_names"]

FOLDER = "folder"
COLUMN = "column:"

MIN_FRAMES = 3  # images that share the start of a name and make a series
_PATTERNS = (
    r"^(.*\d)\D+\d+\.",  # 00017_00003.png, video3_frame12.jpg: a number of the series, and one of the image
    r"^(.*?[^\W\d_])[\W_]*\d+\.",  # anna_01.jpg, anna-02.jpg: a name, and a number of the image
)


@dataclass(frozen=True)
class Series:
    """The series that the names of images look like.

    Attributes:
        pattern: A regular expression for the series of an image, for `group_keys`.
        keys: The series of each image; None if its name does not match.
        example: Names of two images of one series.
    """

    pattern: str
    keys: tuple[str | None, ...]
    example: tuple[str, str]


def group_keys(data: Path, images: LabelledImages, rule: str) -> list[str | None]:
    """Return a key for each image; images with the same key belong together.

    Args:
        data: The dataset of the images.
        images: The images.
        rule: "folder": images in one folder belong together, except in the folder of a label itself.
            For a CSV file, the name of a column, also as "column:NAME": images with the same cell belong together.
            Otherwise a regular expression, searched for in the file name, or if it contains "/", in the path below
            the dataset: images belong together if its groups (without groups, the whole match) are the same.

    Returns:
        A key for each image; None for an image on its own: without a match, or with an empty cell.

    Raises:
        DatasetError: The rule is none of these, or matches nothing.
    """
    if rule == FOLDER:
        keys = [
            None if label_text(path.parent.name) == images.labels[label_id] else str(path.parent)
            for path, label_id in zip(images.paths, images.label_ids, strict=True)
        ]
        what = "no image is in a folder below that of its label"
    elif (cells := _cells(data, rule)) is not None:
        keys = [cells.get(path) or None for path in images.paths]
        what = "the column is empty"
    elif rule.startswith(COLUMN):
        raise DatasetError(f"cannot group by {rule!r}: {str(data)!r} is not a CSV file with such a column")
    else:
        keys = _matches(data, images, rule)
        what = f"the pattern matches no name, such as {_place(data, images.paths[0], rule)!r}"
    if not any(key is not None for key in keys):
        raise DatasetError(f"cannot group by {rule!r}: {what}; give a pattern with a group, a column, or 'folder'")
    return keys


def series_in_names(images: LabelledImages) -> Series | None:
    """Return the series that most names look like, several in each label; None if they do not.

    This is a guess from names alone, such as 00017_00003 and 00017_00004: a start that several images of a label
    share, and a number. One start for a whole label (rose_001, rose_002) is not a series.
    """
    for pattern in _PATTERNS:
        found = [re.search(pattern, path.name) for path in images.paths]
        keys = [match.group(1) if match else None for match in found]
        members = Counter((label, key) for label, key in zip(images.label_ids, keys, strict=True) if key is not None)
        series = {member: count for member, count in members.items() if count >= MIN_FRAMES}
        in_labels = Counter(label for label, _ in series)
        if sum(series.values()) * 2 < len(keys) or len(series) < 2 * len(in_labels):
            continue
        first = next(iter(series))
        example = [
            path.name
            for path, label, key in zip(images.paths, images.label_ids, keys, strict=True)
            if (label, key) == first
        ]
        # If each label numbers its series from the start, 00017 of one label is not 00017 of another.
        shared = Counter(key for _, key in series)
        if sum(count > 1 for count in shared.values()) * 2 > len(shared):
            pattern = pattern.replace("^(", "([^/]+/").replace(".*?", "[^/]*?").replace(".*", "[^/]*")
            keys = [
                None if key is None else f"{path.parent.name}/{key}"
                for path, key in zip(images.paths, keys, strict=True)
            ]
        return Series(pattern, tuple(keys), (example[0], example[1]))
    return None


def _cells(data: Path, rule: str) -> dict[Path, str] | None:
    """Return the cells of a column of a CSV file by the paths of the images; None if there is no such column."""
    is_csv = data.suffix.lower() == ".csv" and data.is_file()
    return read_csv_column(data, rule.removeprefix(COLUMN)) if is_csv else None


def _matches(data: Path, images: LabelledImages, pattern: str) -> list[str | None]:
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        shown = repr(pattern[:200])
        raise DatasetError(f"cannot group by {shown}: not a regular expression, {error}; correct it") from error
    found = [compiled.search(_place(data, path, pattern)) for path in images.paths]
    return [None if match is None else _key(match) for match in found]


def _key(match: "re.Match[str]") -> str:
    return "\0".join(group or "" for group in match.groups()) if match.re.groups else match.group()


def _place(data: Path, path: Path, pattern: str) -> str:
    """Return the part of a path that a pattern is matched against."""
    if "/" not in pattern:
        return path.name
    root = data if data.is_dir() else data.parent
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
