"""Moving faulty files out of a dataset, wrongly labelled ones within it, and all of them back.

The quarantine folder holds the files under their paths in the dataset, and the journal `quarantine.jsonl`: first the
path of the dataset, then each move before it is made, and each return after it. The files show whether a
move was made, so that a kill at any moment loses nothing.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from edgecls.dataset.checks.check import CheckReport
from edgecls.dataset.checks.findings import CheckFinding
from edgecls.errors import DatasetError, OutputError
from edgecls.file_moves import move_file, same_content
from edgecls.journal import DamagedLineError, Journal, read_journal

__all__ = ["MANIFEST_NAME", "Move", "Restored", "make_moves", "moved_before", "quarantine", "restore"]

MANIFEST_NAME = "quarantine.jsonl"
_FORMAT = 1


@dataclass(frozen=True)
class Move:
    """A file that is to be moved.

    Attributes:
        path: Where it is in the dataset.
        to: Where in the dataset it goes; None for the quarantine folder, where it keeps its path.
        note: What else the journal says about it.
    """

    path: str
    to: str | None = None
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Restored:
    """The outcome of a restore.

    Attributes:
        root: The dataset.
        moved: Files that are back in their places.
        refused: Why each of the others is not.
    """

    root: Path
    moved: tuple[Path, ...]
    refused: tuple[str, ...]


def quarantine(
    report: CheckReport, folder: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Path, ...]:
    """Move every file with a finding out of the dataset; folders stay.

    Of duplicates that is all except the best; of a label conflict, all. The files keep their paths
    below `folder`. Nothing is overwritten: conflicting files are detected before the first move.

    Args:
        report: The result of the check.
        folder: New, empty, or an earlier quarantine of the same dataset; outside the dataset.
        on_progress: Called with the number of files moved and the number of all.

    Returns:
        Where the files were.

    Raises:
        DatasetError: The dataset is a list, which would then name missing files.
        OutputError: The folder cannot be used, or a file cannot be moved; those moved before stay moved,
            and `restore` brings them back.
    """
    if not report.is_folders:
        raise DatasetError(
            f"cannot move files away from {str(report.data)!r}: it is a list, which would then name missing files; "
            "remove their lines from it instead"
        )
    faults: dict[str, list[CheckFinding]] = {}
    for finding in report.findings:
        if finding.path.is_symlink() or not finding.path.is_dir():
            faults.setdefault(finding.path.relative_to(report.data).as_posix(), []).append(finding)
    moves = [
        Move(
            path,
            note={
                "kinds": [finding.kind.value for finding in findings],
                "details": [finding.detail for finding in findings],
            },
        )
        for path, findings in faults.items()
    ]
    make_moves(report.data, folder, moves, on_progress=on_progress)
    return tuple(report.data / path for path in faults)


def make_moves(
    data: Path,
    folder: Path,
    moves: Sequence[Move],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Move files of a dataset to a quarantine folder or to other places in the dataset, and record that in its journal.

    Nothing is overwritten: conflicting files are detected before the first move.

    Args:
        data: The dataset, a folder.
        folder: As `quarantine` takes it.
        moves: What goes where.
        on_progress: Called with the number of files moved and the number of all.

    Raises:
        OutputError: As `quarantine`.
    """
    root, folder = data.resolve(), folder.absolute()
    if folder.resolve() == root or root in folder.resolve().parents:
        raise OutputError(f"cannot use {str(folder)!r} as quarantine: it is in the dataset; choose a folder outside")
    if not moves:
        return
    targets = [folder / move.path if move.to is None else root / move.to for move in moves]
    try:
        with _open_manifest(folder, root) as manifest:
            for move, target in zip(moves, targets, strict=True):
                if os.path.lexists(target):
                    remedy = "restore it first, or choose a new folder" if move.to is None else "rename one of the two"
                    raise OutputError(f"{str(target)!r} exists already; {remedy}")
            for done, (move, target) in enumerate(zip(moves, targets, strict=True), 1):
                record = {"move": move.path} if move.to is None else {"relabel": move.path, "to": move.to}
                _append(manifest, {**record, **move.note})
                target.parent.mkdir(parents=True, exist_ok=True)
                move_file(root / move.path, target)
                on_progress(done, len(moves))
    except OSError as error:
        raise OutputError(
            f"cannot move files of {str(data)!r}: {_reason(error)}; "
            f"what was moved can be put back with --restore {str(folder)!r}"
        ) from error


def moved_before(folder: Path) -> tuple[Path, frozenset[str]] | None:
    """Return the dataset of a quarantine folder and the paths in it of files that were moved; None if it is none yet.

    Raises:
        DatasetError: The manifest is damaged.
    """
    if not (folder / MANIFEST_NAME).exists():
        return None
    root, moves = _read_manifest(folder)
    return root, frozenset(move.path for move in moves)


def restore(folder: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Restored:
    """Move the files of a quarantine back where they were. It can be run again.

    A file whose place has been taken in the meantime stays in quarantine, and so does one that cannot be
    moved; both are reported. Folders that become empty are removed; the manifest stays.

    Raises:
        DatasetError: The folder is not a quarantine, its manifest is damaged, or the dataset is not where it was.
        OutputError: The manifest cannot be written.
    """
    folder = folder.absolute()
    root, moves = _read_manifest(folder)
    if not root.is_dir():
        raise DatasetError(
            f"cannot restore {str(folder)!r}: the dataset {str(root)!r} is missing; move it back where it was"
        )
    moved: list[Path] = []
    refused: list[str] = []
    try:
        with _open_manifest(folder, root) as manifest:
            for done, move in enumerate(moves, 1):
                source = folder / move.path if move.to is None else root / move.to
                target = root / move.path
                try:
                    if _put_back(source, target):
                        moved.append(target)
                except OSError as error:
                    refused.append(f"cannot put {str(source)!r} back: {_reason(error)}")
                else:
                    _append(manifest, {"returned": move.path})
                    _remove_empty_folders(source.parent, folder if move.to is None else root)
                on_progress(done, len(moves))
    except OSError as error:
        raise OutputError(f"cannot write the manifest in {str(folder)!r}: {_reason(error)}") from error
    return Restored(root, tuple(moved), tuple(refused))


def _put_back(source: Path, target: Path) -> bool:
    """Move a file back if it was moved; False if it is in its place already."""
    if not os.path.lexists(source):
        if not os.path.lexists(target):
            raise FileNotFoundError(None, "it is neither in quarantine nor in its place", str(target))
        return False  # killed before the move, or between the return and its line
    if os.path.lexists(target):
        if not same_content(source, target):
            raise FileExistsError(None, "another file is in its place; move that away and try again", str(target))
        source.unlink()  # killed in the middle of a move, when the file had both names
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    move_file(source, target)
    return True


def _remove_empty_folders(parent: Path, top: Path) -> None:
    while parent != top:
        try:
            parent.rmdir()
        except OSError:
            return
        parent = parent.parent


def _open_manifest(folder: Path, root: Path) -> Journal:
    """Open the manifest for appending; start it if the folder is new or empty."""
    path = folder / MANIFEST_NAME
    if not path.exists() and folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{str(folder)!r} is neither empty nor a quarantine; choose a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        journal = Journal(path)
    except DamagedLineError as error:
        raise _damaged(path, error) from error
    try:
        if not journal.records:
            _append(journal, {"format": _FORMAT, "root": str(root)})
        elif (of := _manifest_of(path, journal.records)[0]) != root:
            raise OutputError(f"{str(folder)!r} is the quarantine of {str(of)!r}; choose another folder")
    except BaseException:
        journal.close()
        raise
    return journal


def _append(journal: Journal, record: dict[str, Any]) -> None:
    """Append a record; it is on disk when this returns."""
    journal.append(record)
    journal.sync()


def _read_manifest(folder: Path) -> tuple[Path, tuple[Move, ...]]:
    """Return where the dataset is, and the files that were moved and are not recorded as returned."""
    path = folder / MANIFEST_NAME
    try:
        return _manifest_of(path, read_journal(path))
    except OSError as error:
        raise DatasetError(
            f"{str(folder)!r} is not a quarantine: cannot read its {MANIFEST_NAME}, {_reason(error)}; "
            "give the folder used with --quarantine"
        ) from error
    except DamagedLineError as error:
        raise _damaged(path, error) from error


def _manifest_of(path: Path, records: Sequence[dict[str, Any]]) -> tuple[Path, tuple[Move, ...]]:
    waiting: dict[str, Move] = {}
    try:
        header, *moves = records
        if header["format"] != _FORMAT:
            raise ValueError(f"its format is {header['format']!r}, not {_FORMAT}")
        if not isinstance(header["root"], str):
            raise ValueError(f"its root is {header['root']!r}")
        root = Path(header["root"])
        for record in moves:
            if "move" in record:
                waiting[_inner(record["move"])] = Move(record["move"])
            elif "relabel" in record:
                waiting[_inner(record["relabel"])] = Move(record["relabel"], _inner(record["to"]))
            else:
                waiting.pop(_inner(record["returned"]), None)
    except (ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    return root, tuple(waiting.values())


def _damaged(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"the manifest {str(path)!r} is damaged: {error}; correct the line by hand")


def _inner(path: object) -> str:
    """Return a path of the manifest if it stays inside the folder."""
    if not isinstance(path, str) or not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} leaves the folder")
    return path


def _reason(error: OSError) -> str:
    named = f" ({error.filename!r})" if error.filename else ""
    return f"{error.strerror or error}{named}"
