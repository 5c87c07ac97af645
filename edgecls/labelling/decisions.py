"""Decisions on doubtful labels: a CSV file that says for each image whether to keep, relabel or remove it."""

import csv
import difflib
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edgecls.dataset.checks.quarantine import Move, make_moves, moved_before
from edgecls.dataset.formats.folders import has_split_folders, split_roots, subfolders
from edgecls.dataset.formats.labelled_images import Dataset, first_names, label_text
from edgecls.dataset.formats.lists import read_text
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.file_moves import numbered
from edgecls.labelling.review import Review

__all__ = ["COLUMNS", "Applied", "Decision", "apply_decisions", "decisions_csv", "kept_images"]

COLUMNS = ("path", "given", "suggested", "wrong", "confident", "reasons", "neighbours", "decision", "label")
"""Of the CSV file; `decision` is to be filled in, and `label` where it is not the suggested one."""


class Decision(StrEnum):
    """What becomes of an image."""

    KEEP = "keep"
    RELABEL = "relabel"
    REMOVE = "remove"


@dataclass(frozen=True)
class Applied:
    """The outcome of decisions.

    Attributes:
        kept: Number of images that keep their label.
        relabelled: Number of those that were moved to another label.
        removed: Number of those that were moved to the quarantine folder.
        undecided: Number of lines without a decision.
        done_before: Number of images that had been moved before, in a run that was interrupted.
    """

    kept: int
    relabelled: int
    removed: int
    undecided: int
    done_before: int


@dataclass(frozen=True)
class _Line:
    number: int
    path: str
    decision: Decision | None
    label: str


def decisions_csv(review: Review) -> str:
    """Return a review as CSV, the most doubtful first, with empty columns for the decisions."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for image in review.listed:
        labels = [neighbour.label for neighbour in (*image.look_alikes, *image.neighbours)]
        reasons = " ".join(image.reasons)
        confident = "yes" if image.is_confident else "no"
        writer.writerow(
            [
                image.path,
                image.given,
                image.suggested,
                f"{image.wrong:.4f}",
                confident,
                reasons,
                "; ".join(labels),
                "",
                "",
            ]
        )
    return out.getvalue()


def apply_decisions(
    data: Path,
    decisions: Path,
    folder: Path | None,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Applied:
    """Move the images of a dataset as decisions say: relabelled ones to the folder of their label, others out of it.

    All lines are checked before the first file is moved. The moves are recorded in the quarantine folder, and `restore`
    undoes them. It can be run again with the same file after an interruption.

    Args:
        data: A dataset of class folders, or of folders for splits that have these.
        decisions: The CSV file: columns path and decision, and label or suggested for what to relabel. Paths are as the
            review wrote them, or start in the dataset.
        folder: Quarantine folder, as `quarantine` takes it; None if nothing has to be moved.
        on_progress: Called with the number of files moved and the number of all.

    Raises:
        DatasetError: The file cannot be understood, names an image or a label that the dataset does not have, or the
            dataset is a list.
        OutputError: A file cannot be moved, or there is no quarantine folder and something has to be moved.
    """
    if not data.is_dir():
        raise DatasetError(
            f"cannot move files of {str(data)!r}: it is a list, which would then name missing files; change the labels "
            "in the list, and remove lines from it, instead"
        )
    lines = _lines(decisions)
    dataset = read_dataset(data)
    before = None if folder is None else moved_before(folder)
    already = frozenset() if before is None or before[0] != data.resolve() else before[1]
    places = _places(dataset)
    moves: list[Move] = []
    taken: set[str] = set()
    done_before, kept, relabelled, missing = 0, 0, 0, []
    for line in lines:
        path = _found(line.path, data, places)
        if path is None:
            inner = _inner(line.path, data)
            if inner in already:
                done_before += 1
            elif line.decision is not None:
                missing.append(f"{line.path!r} (line {line.number})")
            continue
        if line.decision is Decision.KEEP:
            kept += 1
        elif line.decision is Decision.REMOVE:
            moves.append(Move(path.relative_to(data).as_posix(), note={"decision": "remove"}))
        elif line.decision is Decision.RELABEL:
            given = dataset.labels[places[os.path.abspath(path)][1]]
            label = _label(line, dataset.labels, decisions)
            if label == given:
                raise DatasetError(
                    f"line {line.number} of {str(decisions)!r} relabels {line.path!r} as {label!r}, the label it has; "
                    "write keep, or another label"
                )
            to = _target(data, path, label, taken)
            moves.append(Move(path.relative_to(data).as_posix(), to, {"decision": "relabel", "from": given}))
            relabelled += 1
    if missing:
        raise DatasetError(
            f"{len(missing)} image(s) of {str(decisions)!r} are not in {str(data)!r}: {', '.join(missing[:5])}; "
            "give the dataset that was reviewed, or remove these lines"
        )
    if moves:
        if folder is None:
            raise DatasetError(
                f"{len(moves)} image(s) are to be moved, which is recorded in a quarantine folder so that it can be "
                "undone; give one with --quarantine DIR, outside the dataset"
            )
        make_moves(data, folder, moves, on_progress=on_progress)
    undecided = sum(line.decision is None for line in lines)
    return Applied(kept, relabelled, len(moves) - relabelled, undecided, done_before)


def kept_images(data: Path, decisions: Path) -> frozenset[str]:
    """Return the absolute paths of the images of a dataset that decisions say to keep.

    Raises:
        DatasetError: The file or the dataset cannot be read.
    """
    places = _places(read_dataset(data))
    kept = [line.path for line in _lines(decisions) if line.decision is Decision.KEEP]
    found = (_found(path, data, places) for path in kept)
    return frozenset(os.path.abspath(path) for path in found if path is not None)


def _lines(path: Path) -> list[_Line]:
    text = read_text(path)
    header_line = text.partition("\n")[0]
    separator = max(",;\t", key=header_line.count)  # some spreadsheets write others than commas
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise DatasetError(f"line {reader.line_num} of {str(path)!r} is not CSV: {error}; save it again") from error
    names = [name.strip().lower() for name in rows[0][1]] if rows else []
    if not {"path", "decision"} <= set(names):
        raise DatasetError(
            f"{str(path)!r} needs a header with the columns 'path' and 'decision', got {header_line[:200]!r}; "
            "edgecls data review --format csv writes such a file"
        )
    return _without_contradiction(
        [_line(number, dict(zip(names, row, strict=False)), path) for number, row in rows[1:]], path
    )


def _line(number: int, cells: Mapping[str, str], path: Path) -> _Line:
    word = cells.get("decision", "").strip().lower()
    if not cells.get("path", "").strip():
        raise DatasetError(f"line {number} of {str(path)!r} has no path; add it")
    try:
        decision = Decision(word) if word else None
    except ValueError as error:
        near = difflib.get_close_matches(word, list(Decision), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise DatasetError(
            f"line {number} of {str(path)!r} has the decision {word!r}; write {', '.join(Decision)}, or nothing{hint}"
        ) from error
    label = cells.get("label", "").strip() or cells.get("suggested", "").strip()
    return _Line(number, cells["path"], decision, label_text(label))


def _without_contradiction(lines: list[_Line], path: Path) -> list[_Line]:
    """Return the lines without those that say the same again."""
    found: dict[str, _Line] = {}
    for line in lines:
        first = found.setdefault(os.path.normpath(line.path), line)
        if (first.decision, first.label) != (line.decision, line.label):
            raise DatasetError(
                f"lines {first.number} and {line.number} of {str(path)!r} decide differently on {line.path!r}; keep one"
            )
    return list(found.values())


def _places(dataset: Dataset) -> dict[str, tuple[Path, int]]:
    """Return each image of a dataset and its label number by its absolute path."""
    return {os.path.abspath(path): (path, label_id) for path, label_id in dataset.whole}


def _found(written: str, data: Path, places: Mapping[str, tuple[Path, int]]) -> Path | None:
    for candidate in (Path(written), data / written):
        if (place := places.get(os.path.abspath(candidate))) is not None:
            return place[0]
    return None


def _inner(written: str, data: Path) -> str:
    """Return a path as the journal has it, of a file that may no longer be there."""
    absolute = os.path.abspath(written)
    top = os.path.abspath(data) + os.sep
    return Path(absolute.removeprefix(top) if absolute.startswith(top) else written).as_posix()


def _label(line: _Line, labels: Sequence[str], path: Path) -> str:
    if line.label in labels:
        return line.label
    near = difflib.get_close_matches(line.label, labels, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; its labels are {first_names(labels)}"
    what = f"relabels as {line.label!r}, which the dataset does not have" if line.label else "gives no label"
    raise DatasetError(f"line {line.number} of {str(path)!r} {what}{hint}")


def _target(data: Path, path: Path, label: str, taken: set[str]) -> str:
    """Return where in a dataset an image goes when its label changes: its place in the folder of the other label."""
    roots: Iterable[Path] = split_roots(data).values() if has_split_folders(data) else [data]
    root = next(root for root in roots if root in path.parents)
    inner = path.relative_to(root)
    class_folder = next(
        (folder.name for folder in subfolders(root) if label_text(folder.name) == label),
        label,
    )
    target = root / class_folder / Path(*inner.parts[1:])
    for number in range(1, 10_000):
        to = numbered(target, number)
        name = to.relative_to(data).as_posix()
        if name not in taken and not os.path.lexists(to):
            taken.add(name)
            return name
    raise DatasetError(f"there are too many files called {target.name!r} in {str(target.parent)!r}; rename some")
