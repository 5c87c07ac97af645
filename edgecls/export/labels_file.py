"""Files of labels: found, read in the formats that people have, and checked for duplicates."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from edgecls.errors import ExportError, ModelFileError
from edgecls.model_card import check_labels
from edgecls.regular_file import read_regular

__all__ = ["Duplicates", "LabelsFile", "find_labels_next_to", "read_labels", "read_labels_next_to"]

MAX_FILE_BYTES = 16 << 20
NAMED = 10  # duplicate labels that a message lists

USUAL_NAMES = (
    *("labels.txt", "labels.json", "label.txt", "class_names.txt", "class_names.json", "classes.txt", "classes.json"),
    *("class_indices.json", "labels.csv", "metadata.json"),
)
"""Usual names of files of labels next to a network; the last is one of Teachable Machine's."""

_NUMBER_FIRST = re.compile(r"(\d{1,6})(\s*[:,;=|：，；、]\s*|\s*[.)\-]\s+|\s+)(\S.*)")
_NUMBER_LAST = re.compile(r"(\S.*?)\s*[:,;=|\t：，；、]\s*(\d{1,6})")
_HEADER = re.compile(
    r"(id|index|idx|no|number|class|label|name)\w*\s*[,;\t]\s*(id|index|idx|no|number|class|label|name)\w*", re.I
)
_JSON_KEYS = ("id2label", "class_indices", "labels", "classes", "class_names", "names")
FEW = 3  # labels; with fewer, "1 person" and "2 people" could be counts


class Duplicates(Enum):
    """How to handle labels that occur in a file more than once."""

    REFUSE = "refuse"
    NUMBER = "number"


@dataclass(frozen=True)
class LabelsFile:
    """The labels of a file.

    Attributes:
        path: Where they come from.
        labels: In the order of the network's outputs.
        remarks: What was changed, for the user to check.
    """

    path: Path
    labels: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def read_labels_next_to(source: Path, duplicates: Duplicates) -> LabelsFile:
    """Read the file of labels next to a network; a remark says which it is.

    Raises:
        ExportError: There is none, or several that disagree, or its lines cannot be labels.
    """
    path = find_labels_next_to(source)
    if path is None:
        raise ExportError(
            f"{str(source)!r} does not say its labels; give them with --labels FILE, one per line, or put a labels.txt "
            "next to it"
        )
    read = read_labels(path, duplicates=duplicates)
    return replace(read, remarks=(f"labels: the {len(read.labels)} of {str(path)!r}", *read.remarks))


def find_labels_next_to(source: Path) -> Path | None:
    """Return the file of labels next to a network, or inside the folder of one.

    Args:
        source: A file, or the folder of a SavedModel.

    Raises:
        ExportError: There are several that disagree.
    """
    absolute = source.resolve()
    names = (f"{source.stem}_labels.txt", f"{source.stem}.labels.txt", *USUAL_NAMES)
    folders = [absolute, absolute / "assets", absolute.parent] if absolute.is_dir() else [absolute.parent]
    found: dict[Path, tuple[str, ...]] = {}
    for path in (folder / name for folder in folders for name in names):
        if path.is_file() and path != absolute:
            try:
                found[path] = read_labels(path, duplicates=Duplicates.NUMBER).labels
            except ExportError:
                if path.name != "metadata.json":  # which may be about anything
                    found[path] = ()
    if len(set(found.values())) > 1:
        files = ", ".join(repr(str(path)) for path in found)
        raise ExportError(f"several files next to {str(source)!r} could be its labels: {files}; choose with --labels")
    return next(iter(found), None)


def read_labels(path: Path, *, duplicates: Duplicates = Duplicates.REFUSE) -> LabelsFile:
    """Read labels from a file: one per line, or JSON.

    Lines may carry the number of their output (``0 rose``, ``0: rose``, ``rose,0``), which is removed and
    determines the order. JSON is a list of labels, or an object that maps labels to numbers or numbers to labels
    (``class_indices`` of Keras). Empty lines are skipped.

    Raises:
        ExportError: The file is no text in UTF-8 (or UTF-16 with its mark), or its lines cannot be labels.
    """
    text = _read_text(path)
    listed = _from_document(path, text)
    remarks: tuple[str, ...] = ()
    if listed is None:
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
        lines, remarks = _without_numbers(path, lines)
    else:
        lines = list(enumerate(listed, start=1))
    labels = tuple(label for _, label in lines)
    places = _places_of_duplicates(lines)
    if places and duplicates is Duplicates.REFUSE:
        unit = "lines" if listed is None else "entries"
        raise ExportError(
            f"labels must differ from each other, in {str(path)!r} these do not: {_listed(places, unit)}; rename "
            "them, or give --number-duplicates to tell them apart by the number of their output"
        )
    if places:
        labels = tuple(f"{label} ({index})" if label in places else label for index, label in enumerate(labels))
        numbered = ", ".join(repr(label) for label, (_, old) in zip(labels, lines, strict=True) if old in places)
        remarks += (f"labels that occur more than once in {str(path)!r} got the number of their output: {numbered}",)
    try:
        check_labels(labels)
    except ModelFileError as error:
        raise ExportError(f"cannot read labels from {str(path)!r}: {error}; save them as UTF-8, one a line") from error
    return LabelsFile(path, labels, remarks)


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ExportError(
                f"cannot read labels from {str(path)!r}: it has more than {MAX_FILE_BYTES >> 20} MiB; "
                "give a text file with one label a line"
            )
        content = read_regular(path)
        encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        return content.decode(encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"cannot read labels from {str(path)!r}: {error}; save them as UTF-8, one a line") from error


def _from_document(path: Path, text: str) -> list[str] | None:
    """Return the labels of a JSON document, or of a Python list or dict printed to a file; None for plain lines."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            if path.suffix.lower() != ".json":
                return None  # a label may begin with a bracket
            raise ExportError(
                f"cannot read labels from {str(path)!r}: it is not JSON; give a list of labels, or one label a line"
            ) from error
    labels = _labels_in(value)
    if labels is None:
        raise ExportError(
            f"cannot read labels from {str(path)!r}: the JSON in it is neither a list of labels nor an object of "
            "labels and the numbers of their outputs, from 0 without gaps"
        )
    return labels


def _labels_in(value: Any) -> list[str] | None:
    if isinstance(value, list | tuple):
        return [label.strip() for label in value] if all(isinstance(label, str) for label in value) else None
    if not isinstance(value, dict):
        return None
    for key in _JSON_KEYS:
        if isinstance(value.get(key), list | dict):
            return _labels_in(value[key])
    numbered: list[tuple[int, str]] = []
    for key, entry in value.items():
        if isinstance(key, str) and isinstance(entry, int) and not isinstance(entry, bool):
            numbered.append((entry, key.strip()))
            continue
        named = entry[-1] if isinstance(entry, list) and entry else entry  # ["n01440764", "tench"], of Keras
        if not isinstance(named, str) or not str(key).isdecimal():
            return None
        numbered.append((int(key), named.strip()))
    numbered.sort()
    numbers = [number for number, _ in numbered]
    return [label for _, label in numbered] if _counts(numbers) else None


def _without_numbers(path: Path, lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], tuple[str, ...]]:
    """Remove the output numbers from lines that all have one, and sort the lines by them."""
    body = lines[1:] if lines and _HEADER.fullmatch(lines[0][1]) else lines
    first = [_NUMBER_FIRST.fullmatch(line) for _, line in body]
    last = [_NUMBER_LAST.fullmatch(line) for _, line in body]
    found: list[tuple[int, int, str]] = []  # number, line, label
    if all(first):
        found = [(int(m[1]), line, m[3].strip()) for m, (line, _) in zip(first, body, strict=True) if m]
        if not any(m[2].strip() for m in first if m) and min(found, default=(0,))[0] != 0 and len(found) < FEW:
            return lines, ()
    elif all(last):
        found = [(int(m[2]), line, m[1].strip()) for m, (line, _) in zip(last, body, strict=True) if m]
    ordered = sorted(found)
    labels = [label for *_, label in ordered]
    if not found or not _counts([number for number, *_ in ordered]) or len(set(labels)) == 1:
        return lines, ()
    if len(set(labels)) < len(labels) and ordered[0][0] != 0:  # "1 euro", "2 euro": they count something
        return lines, ()
    example = body[0][1]
    remark = (
        f"the numbers in the lines of {str(path)!r} are read as those of the outputs, not as part of the labels: "
        f"{example!r} is {found[0][2]!r}; to keep them, give the labels as a JSON list"
    )
    if ordered != found:
        remark += "; the labels are in the order of the numbers"
    return [(line, label) for _, line, label in ordered], (remark,)


def _counts(numbers: Sequence[int]) -> bool:
    """True for 0, 1, 2... and for 1, 2, 3..."""
    return (
        bool(numbers) and list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] in (0, 1)
    )


def _places_of_duplicates(lines: list[tuple[int, str]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for number, label in lines:
        places.setdefault(label, []).append(number)
    return {label: numbers for label, numbers in places.items() if len(numbers) > 1}


def _listed(places: dict[str, list[int]], unit: str) -> str:
    named = [
        f"{label!r} ({unit} {', '.join(map(str, numbers[:-1]))} and {numbers[-1]})" for label, numbers in places.items()
    ]
    more = len(named) - NAMED
    return ", ".join(named[:NAMED]) + (f" and {more} more" if more > 0 else "")
