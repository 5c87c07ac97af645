"""What the user decided, in a journal: labels that were set, files that were moved, and what was undone.

Each decision is written before the window shows it, and each move before it is made, so that a program that is killed
loses none; whether a move was made is seen from the files. Undoing is written as well: reading the journal repeats
everything, and the history is there again.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError
from edgecls.folder_lock import try_lock_folder
from edgecls.journal import DamagedLineError, Journal

__all__ = ["Action", "Decisions", "LabelsSet", "Placement", "Sorting", "open_decisions"]

JOURNAL_NAME = "decisions.jsonl"
MOST_WINDOWS = 99  # at the same time, each with a journal of its own


@dataclass(frozen=True)
class LabelsSet:
    """A label was set, or with None taken away.

    Attributes:
        images: The images.
        label: Their label since then.
        before: What each had before.
    """

    images: tuple[str, ...]
    label: str | None
    before: tuple[str | None, ...]


@dataclass(frozen=True)
class Placement:
    """A file that was moved or copied.

    Attributes:
        source: From where.
        target: To where.
        link: What the source held if it was a symbolic link.
        was_there: A file of the same content had the target's name already; it does not go when this is undone.
    """

    source: str
    target: str
    link: str | None = None
    was_there: bool = False


@dataclass
class Sorting:
    """Images were sorted into folders.

    Attributes:
        root: The folder of the folders.
        transfer: "move" or "copy".
        placements: The files.
    """

    root: str
    transfer: str
    placements: list[Placement] = field(default_factory=list)

    @property
    def moves(self) -> bool:
        """True if the files are no longer where they were."""
        return self.transfer == "move"


Action = LabelsSet | Sorting
_Stamp = tuple[int, int]  # size in bytes, time of change in nanoseconds


def open_decisions(folder: Path) -> "Decisions":
    """Open the decisions of the last window, or a further set if another window has those open.

    Args:
        folder: Where they are kept; made if need be.

    Raises:
        OutputError: They cannot be kept there.
    """
    try:
        for number in range(1, MOST_WINDOWS + 1):
            own = folder / f"window-{number}"
            own.mkdir(parents=True, exist_ok=True)
            if (handle := try_lock_folder(own)) is not None:
                return Decisions(own / JOURNAL_NAME, lock=handle)
    except OSError as error:
        raise OutputError(
            f"cannot keep decisions in {str(folder)!r}: {error.strerror or error}; make it writable"
        ) from error
    raise OutputError(f"cannot keep decisions in {str(folder)!r}: {MOST_WINDOWS} windows are open; close some")


class Decisions:
    """The decisions of a window, and their journal.

    A journal whose window was closed, with nothing left to export, is not gone on with: only the labels of its images
    are kept. One that has damaged lines is put aside as it is.

    Args:
        path: The journal.
        lock: Handle of the lock that is held while it is open; None for none.

    Attributes:
        sources: The files and folders that were opened, in order, if the last window was not closed properly or had
            labels that were not exported; they and those opened since.
        was_interrupted: The last window did not end properly.
        set_aside: Where a damaged journal is now; None if it was whole.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, *, lock: int | None = None) -> None:
        self._path, self._lock = path, lock
        self.sources: list[str] = []
        self._labels: dict[str, str] = {}
        self._saved: dict[str, str] = {}
        self._stamps: dict[str, _Stamp] = {}
        self._done: list[Action] = []
        self._undone: list[Action] = []
        self._is_closed = True
        self.set_aside: Path | None = None
        self._journal = self._opened()
        for record in self._journal.records:
            self._apply(record)
        self._journal.records.clear()
        self.was_interrupted = not self._is_closed
        self._follow_files()
        if not self.was_interrupted and not self.unsaved_count:
            self._begin_anew()
        self._is_closed = False

    def _opened(self) -> Journal:
        try:
            return Journal(self._path)
        except DamagedLineError:
            self.set_aside = self._path.with_name(f"damaged-{os.urandom(4).hex()}.jsonl")
            self._path.rename(self.set_aside)
            return Journal(self._path)

    def _begin_anew(self) -> None:
        """Leave only the labels in the journal."""
        self._journal.close()
        self.sources.clear()
        self._done.clear()
        self._undone.clear()
        with whole_files(self._path) as (temporary,), Journal(temporary) as journal:
            for image, label in self._labels.items():
                journal.append({"do": "label", "images": [image], "label": label, "stamps": [self._stamps.get(image)]})
            journal.append({"do": "saved"}, {"do": "closed"})
        self._journal = Journal(self._path)
        self._journal.records.clear()

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that were set, by the path of the image."""
        return self._labels

    def label_of(self, image: str) -> str | None:
        """Return the label that was set for an image; None for none, or if the file has changed since."""
        label = self._labels.get(image)
        if label is None or self._stamps.get(image) in (None, _stamp(image)):
            return label
        return None

    @property
    def unsaved_count(self) -> int:
        """Images whose label was set, changed or taken away since it was last exported or sorted by."""
        images = self._labels.keys() | self._saved.keys()
        return sum(self._labels.get(image) != self._saved.get(image) for image in images)

    @property
    def next_undo(self) -> Action | None:
        """What would be undone."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> Action | None:
        """What would be done again."""
        return self._undone[-1] if self._undone else None

    def opened(self, paths: Sequence[str]) -> None:
        """Record that files and folders were opened."""
        self._do({"do": "open", "paths": list(paths)})

    def cleared(self) -> None:
        """Record that all images were taken off the window; the labels set for them stay."""
        self._do({"do": "clear"})

    def set_label(self, images: Sequence[str], label: str | None) -> None:
        """Set the label of images, or with None take it away."""
        stamps = [_stamp(image) for image in images]
        self._do({"do": "label", "images": list(images), "label": label, "stamps": stamps})

    def begin_sorting(self, root: str, transfer: str) -> None:
        """Record that images will be moved or copied into folders of `root`."""
        self._do({"do": "sort", "root": root, "transfer": transfer})

    def place(self, source: Path, target: Path) -> None:
        """Record that a file will be moved or copied; to be called before."""
        link = os.readlink(source) if source.is_symlink() else None
        there = os.path.lexists(target)
        self._do({"do": "place", "from": str(source), "to": str(target), "link": link, "there": there})

    def saved(self) -> None:
        """Record that the labels were exported or sorted by."""
        self._do({"do": "saved"})
        self._journal.sync()

    def undone(self) -> None:
        """Record that `next_undo` was undone; of files, after they are back."""
        self._do({"do": "undo"})

    def redone(self) -> None:
        """Record that `next_redo` was done again; of files, after they were moved."""
        self._do({"do": "redo"})

    def close(self, *, is_finished: bool = True) -> None:
        """Close the journal; it may be closed twice.

        Args:
            is_finished: Whether the window ends properly; otherwise the next one goes on where it was.
        """
        if self._is_closed:
            return
        if is_finished:
            self._do({"do": "closed"})
            self._journal.sync()
        self._is_closed = True
        self._journal.close()
        if self._lock is not None:
            os.close(self._lock)

    def _do(self, record: dict[str, Any]) -> None:
        try:
            self._journal.append(record)
        except OSError as error:
            raise OutputError(
                f"cannot write {str(self._path)!r}: {error.strerror or error}; free some space, nothing was changed"
            ) from error
        self._apply(record)

    def _apply(self, record: Mapping[str, Any]) -> None:
        self._is_closed = record["do"] == "closed"
        match record["do"]:
            case "open":
                self.sources += [path for path in record["paths"] if path not in self.sources]
            case "clear":
                self.sources.clear()
                self._done.clear()
                self._undone.clear()
            case "label":
                images = tuple(record["images"])
                for image, stamp in zip(images, record["stamps"], strict=True):
                    if stamp is not None:
                        self._stamps[image] = (stamp[0], stamp[1])
                self._push(LabelsSet(images, record["label"], tuple(map(self._labels.get, images))))
                self._label(dict.fromkeys(images, record["label"]))
            case "sort":
                self._push(Sorting(record["root"], record["transfer"]))
            case "place":
                sorting = self._done[-1]
                if isinstance(sorting, Sorting):
                    sorting.placements.append(Placement(record["from"], record["to"], record["link"], record["there"]))
                    if sorting.moves:
                        self._rename(record["from"], record["to"])
            case "saved":
                self._saved = dict(self._labels)
            case "undo":
                self._turn(self._done.pop(), back=True)
            case "redo":
                self._turn(self._undone.pop(), back=False)

    def _push(self, action: Action) -> None:
        self._done.append(action)
        self._undone.clear()

    def _turn(self, action: Action, *, back: bool) -> None:
        (self._undone if back else self._done).append(action)
        if isinstance(action, LabelsSet):
            labels = action.before if back else [action.label] * len(action.images)
            self._label(dict(zip(action.images, labels, strict=True)))
        elif action.moves:
            for placement in action.placements:
                ends = (placement.source, placement.target)
                self._rename(*(reversed(ends) if back else ends))

    def _label(self, labels: Mapping[str, str | None]) -> None:
        for image, label in labels.items():
            if label is None:
                self._labels.pop(image, None)
            else:
                self._labels[image] = label

    def _rename(self, old: str, new: str) -> None:
        for known in (self._labels, self._saved, self._stamps):
            if old in known:
                known[new] = known.pop(old)  # type: ignore[assignment]

    def _follow_files(self) -> None:
        """Take as not moved what was written down, but not done before the program was killed."""
        for action in self._done:
            if isinstance(action, Sorting) and action.moves:
                for placement in action.placements:
                    if os.path.lexists(placement.source):
                        self._rename(placement.target, placement.source)


def _stamp(image: str) -> _Stamp | None:
    with contextlib.suppress(OSError):
        status = os.stat(image)
        return status.st_size, status.st_mtime_ns
    return None
