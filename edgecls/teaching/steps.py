"""The steps of teaching: each is files that move, written down before they do, so that it can be undone.

A journal holds every step, ``{"step": 7, "kind": "remove", "moves": [["rose/a.jpg", ".edgecls-teaching/kept/a.jpg"]],
"facts": {}}``, and every undo, ``{"undo": [7]}``. The line is on the disk before the first file moves, and
``{"done": 7}`` follows the last one. After a kill, the moves of a line that nothing follows are completed when the
journal is opened next, so no moment is without every image.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.errors import DatasetError
from edgecls.file_moves import move_file, same_content
from edgecls.journal import DamagedLineError, Journal
from edgecls.teaching.bounds import TeachingConflictError

__all__ = ["Move", "Step", "Steps"]

_FORMAT = 1
Move = tuple[str, str]
"""Where a file or folder is, and where it goes; both below the taught folder, with slashes."""


@dataclass(frozen=True)
class Step:
    """Something that a user did.

    Attributes:
        number: From 1, in the order in which they were done.
        kind: What was done: "label", "rename", "forget", "add", "move", "keep", "remove", "version" or "use".
        moves: The files that moved.
        facts: What else belongs to it.
    """

    number: int
    kind: str
    moves: tuple[Move, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Steps:
    """All steps that were done in a folder and not undone. Not for several threads at once.

    Args:
        root: The folder.
        path: The journal; its folder must exist.

    Attributes:
        done: The steps, oldest first.
        changes: How often anything has changed since it was opened.

    Raises:
        DatasetError: The journal is damaged, or of a newer format.
        OSError: It cannot be read or written.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self._root = root
        self.done: list[Step] = []
        self.changes = 0
        self._last = 0
        try:
            self._journal = Journal(path)
        except DamagedLineError as error:
            raise _damaged(path, error) from error
        try:
            self._open(path)
        except BaseException:
            self._journal.close()
            raise

    def _open(self, path: Path) -> None:
        records = self._journal.records
        if not records:
            self._append({"format": _FORMAT})
            return
        pending: list[Move] = []
        try:
            if records[0]["format"] != _FORMAT:
                raise ValueError(f"its format is {records[0]['format']!r}, not {_FORMAT}")
            for record in records[1:]:
                pending = self._take(record)
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error
        self._make(pending)

    def _take(self, record: Mapping[str, Any]) -> list[Move]:
        """Take a record of the journal, and return the moves that it announces."""
        if "done" in record:
            return []
        if "undo" in record:
            undone = set(map(_whole, record["undo"]))
            moves = [move for step in reversed(self.done) if step.number in undone for move in _reversed(step)]
            self.done = [step for step in self.done if step.number not in undone]
            return moves
        moves = [(_inner(source), _inner(target)) for source, target in record["moves"]]
        step = Step(_whole(record["step"]), str(record["kind"]), tuple(moves), dict(record["facts"]))
        _check_facts(step)
        self.done.append(step)
        self._last = max(self._last, step.number)
        return moves

    @property
    def next_number(self) -> int:
        """The number of the step that is done next."""
        return self._last + 1

    def do(self, kind: str, moves: Sequence[Move] = (), **facts: Any) -> Step:
        """Do a step.

        Raises:
            TeachingConflictError: A file is in the way of a move; nothing was done.
            OSError: The journal cannot be written, and nothing was done; or a file cannot be moved, which is made up
                for when the folder is opened next.
        """
        self._check(moves)
        step = Step(self._last + 1, kind, tuple(moves), facts)
        self._append({"step": step.number, "kind": kind, "moves": [list(move) for move in moves], "facts": facts})
        self._last += 1
        self.done.append(step)
        self._make(moves)
        self._journal.append({"done": step.number})
        return step

    def undo(self) -> tuple[Step, ...]:
        """Undo the last step; of images that came together, all steps. Return them, the last one first.

        Raises:
            TeachingConflictError: There is nothing to undo, or a file is in the way; nothing was undone.
            OSError: As `do`.
        """
        if not self.done:
            raise TeachingConflictError("there is nothing to undo")
        batch = self.done[-1].facts.get("batch")
        count = 1
        while batch and count < len(self.done) and self.done[-count - 1].facts.get("batch") == batch:
            count += 1
        steps = tuple(reversed(self.done[-count:]))
        moves = [move for step in steps for move in _reversed(step)]
        self._check(moves)
        self._append({"undo": [step.number for step in steps]})
        del self.done[-count:]
        self._make(moves)
        self._journal.append({"done": steps[-1].number})
        return steps

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()

    def _append(self, record: dict[str, Any]) -> None:
        self._journal.append(record)
        self._journal.sync()
        self.changes += 1

    def _check(self, moves: Sequence[Move]) -> None:
        leaving = {source for source, _ in moves}
        for source, target in moves:
            there = self._root / target
            both_there = os.path.lexists(there) and os.path.lexists(self._root / source)
            if (
                both_there
                and target not in leaving
                and (there.is_dir() or not same_content(self._root / source, there))
            ):
                raise TeachingConflictError(f"{target!r} is in the way; move that away and try again")

    def _make(self, moves: Sequence[Move]) -> None:
        """Make the moves, or complete them; what is neither here nor there was taken away by somebody else."""
        for source, target in moves:
            _move(self._root / source, self._root / target)
            _remove_if_empty(self._root, source)


def _move(source: Path, target: Path) -> None:
    if not os.path.lexists(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        source.rename(target)
    elif os.path.lexists(target):  # killed in the middle of a move, when the file had both names
        if same_content(source, target):
            source.unlink()
    else:
        move_file(source, target)


def _remove_if_empty(root: Path, source: str) -> None:
    """Remove the folder of a label that a file has left, if it was the last: an empty one cannot be trained on."""
    parent = PurePosixPath(source).parent
    while parent.parts and not parent.parts[0].startswith("."):
        try:
            (root / parent).rmdir()
        except OSError:
            return
        parent = parent.parent


def _reversed(step: Step) -> list[Move]:
    return [(target, source) for source, target in reversed(step.moves)]


def _inner(path: object) -> str:
    if not isinstance(path, str) or not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} leaves the folder")
    return path


_FACTS: dict[str, tuple[str, ...]] = {
    "label": ("label", "folder"),
    "rename": ("label", "folder", "to", "to_folder"),
    "forget": ("label", "folder"),
    "version": ("number",),
    "use": ("number",),
}
"""What the facts of a kind of step have at least; other kinds need none."""


def _check_facts(step: Step) -> None:
    for name in _FACTS.get(step.kind, ()):
        value = step.facts[name]
        if name == "number":
            _whole(value)
        elif name.endswith("folder"):
            _inner(value)
        elif not isinstance(value, str):
            raise ValueError(f"the {name} {value!r} is no text")
    if step.kind == "add":
        if len(step.moves) != 1:
            raise ValueError(f"an image came with {len(step.moves)} moves")
        bytes.fromhex(step.facts.get("hash", ""))
    if not isinstance(step.facts.get("batch", ""), str):
        raise ValueError(f"the batch {step.facts['batch']!r} is no text")


def _whole(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{number!r} is no number of a step or a version")
    return number


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"the journal {str(path)!r} is damaged: {error}; correct the line by hand")
