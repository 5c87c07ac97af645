"""One file with a row for every image, which a run that was stopped or killed at any point can go on with.

Rows are appended, each in one piece: to the file itself, or for Parquet, which cannot be appended to, to a journal in
JSON lines. What a kill cut short at the end is removed by the next run. Beside the file is a folder with ".run" after
its name; the run that writes keeps it locked, and it says which model and options the rows rest on.
"""

import contextlib
import glob
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from edgecls.atomic_write import remove_leftovers, whole_files
from edgecls.errors import OutputError
from edgecls.folder_lock import try_lock_folder
from edgecls.json_text import parse_json
from edgecls.regular_file import open_regular, open_regular_to_append
from edgecls.results.lines import lines_of, whole_records
from edgecls.results.parquet import check_parquet, parquet_rows, write_parquet
from edgecls.results.resume import SeenImages, changed_facts, write_facts
from edgecls.results.rows import Row, written_name

__all__ = ["SUFFIXES", "ResultsFile"]

SUFFIXES = {".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
"""The endings of a file's name, and the formats that they stand for."""

FACTS = "facts.json"
JOURNAL = "rows.jsonl"  # of a Parquet file that is not finished
FORMAT = 1
SYNC_INTERVAL_S = 5.0  # after which rows survive a power cut, too


class ResultsFile:
    """A file of rows, open for one process at a time.

    Opening it begins the file, or goes on with it. An image is recognized by its path alone.

    Args:
        path: The file; its ending is one of SUFFIXES.
        facts: What every row rests on: edgecls's version, "model", "options". Values are those that JSON has.
        top: Labels of a row.
        embeddings: Whether rows have embeddings.

    Attributes:
        path: The file.
        before: Images that have an answer in it from earlier runs.
        failed_before: Images that have an error in it from earlier runs; `survey` leaves those that this run does not
            try again.

    Raises:
        OutputError: Another process is writing it, it was written by something else or rests on other facts, it is
            damaged, or it cannot be written.
        MissingExtraError: It is Parquet, and pyarrow is not installed.
    """

    def __init__(self, path: Path, facts: dict[str, Any], *, top: int, embeddings: bool = False) -> None:
        self.path = path
        self.before = 0
        self.failed_before = 0
        self._embeddings = embeddings
        self._is_parquet = SUFFIXES[path.suffix.lower()] == "parquet"
        if self._is_parquet:
            check_parquet()
        self._file = Path(os.path.realpath(path))  # one file by whatever link, with one lock
        self._folder = self._file.with_name(f"{self._file.name}.run")
        self._journal = self._folder / JOURNAL if self._is_parquet else self._file
        self._lines = lines_of("json" if self._is_parquet else SUFFIXES[path.suffix.lower()], top)
        self._synced_s = time.monotonic()
        self._end = 0
        with contextlib.ExitStack() as undo:
            try:
                undo.callback(os.close, self._lock_folder())
                self._check_facts({"format": FORMAT, **facts})
                remove_leftovers(self._file.parent, glob.escape(self._file.name))
                remove_leftovers(self._folder, "*")
                self._done = undo.enter_context(contextlib.closing(SeenImages()))
                self._stream = open_regular_to_append(self._journal)
                undo.callback(lambda: self._stream.close())
                self._read()
            except OSError as error:
                raise self._failure(error, "make its folder first or choose another place") from error
            self._opened = undo.pop_all()

    def _lock_folder(self) -> int:
        if self._file.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if not self._folder.exists() and _has_content(self._file):
            raise self._foreign()
        self._folder.mkdir(exist_ok=True)
        lock = try_lock_folder(self._folder)
        if lock is None:
            raise OutputError(f"cannot write {str(self.path)!r}: another run is writing it; wait for its end")
        return lock

    def _check_facts(self, facts: dict[str, Any]) -> None:
        written = self._folder / FACTS
        try:
            before = parse_json(written.read_bytes())
            if not isinstance(before, dict):
                raise ValueError("it is no JSON object")
        except FileNotFoundError:
            if _has_content(self._file):
                raise self._foreign() from None
            before = None
        except ValueError as error:
            raise OutputError(f"cannot read {str(written)!r}: {error}; {self._anew}") from error
        if before is not None and (_has_content(self._file) or _has_content(self._journal)):
            if changed := changed_facts(before, facts):
                raise OutputError(
                    f"cannot go on with {str(self.path)!r}, which another run began: {'; '.join(changed)}; run with "
                    f"what that run had, choose another name, or {self._anew}"
                )
        elif before != facts:
            write_facts(written, facts)

    @property
    def _anew(self) -> str:
        return f"remove it and {self._folder.name!r} to begin anew"

    def _foreign(self) -> OutputError:
        return OutputError(
            f"cannot write {str(self.path)!r}: it is there already, and 'edgecls run -o' has not written it, or "
            f"{self._folder.name!r} beside it is gone; remove it or choose another name"
        )

    def _failure(self, error: OSError, remedy: str) -> OutputError:
        return OutputError(f"cannot write {str(self.path)!r}: {error.strerror or error}; {remedy}")

    def _read(self) -> None:
        """Take in what is there, and remove what a kill left unfinished at the end."""
        for name, has_answer in self._rows_before():
            self._take_in(name, has_answer)
        for record, written, has_answer in self._records():
            self._end += len(record)
            if written is not None:
                self._take_in(written, has_answer)
        self._stream.truncate(self._end)
        if not self._end and self._lines.header:
            self._append(self._lines.header)

    def _take_in(self, name: str, has_answer: bool) -> None:
        if has_answer:
            self.before += self._done.add(_key(name))
        else:
            self.failed_before += 1

    def _rows_before(self) -> Iterator[tuple[str, bool]]:
        """Yield the images of the finished Parquet file, if there is one, and whether they have an answer."""
        if self._is_parquet and _has_content(self._file):
            try:
                for row in parquet_rows(self._file, ["image", "label"]):
                    if not isinstance(row["image"], str):
                        raise ValueError(f"an image is called {str(row['image'])[:80]!r}")
                    yield row["image"], row["label"] is not None
            except (ValueError, KeyError) as error:
                raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> OutputError:
        return OutputError(f"cannot go on with {str(self.path)!r}, which is damaged: {error}; {self._anew}")

    def _records(self) -> Iterator[tuple[bytes, str | None, bool]]:
        """Yield what the journal has, with the name of the image, None for the header, and whether it has an answer."""
        with open_regular(self._journal) as stream:
            for number, record in enumerate(whole_records(stream, self._lines), 1):
                try:
                    if number == 1 and self._lines.header:
                        if record != self._lines.header:
                            raise ValueError("it is not the header")
                        yield record, None, False
                    else:
                        yield record, *self._lines.read(record)
                except ValueError as error:
                    raise OutputError(
                        f"cannot go on with {str(self.path)!r}: row {number} of {str(self._journal)!r} is damaged "
                        f"({error}); remove that row, and its image is classified again, or {self._anew}"
                    ) from error

    def survey(self, names: Iterable[str]) -> int:
        """Look through the images of this run before its first row, and return how many there are to do.

        The rows of those that have an error are taken out of the file, as they are tried again.

        Args:
            names: What the images are called.

        Raises:
            OutputError: The file cannot be written.
        """
        with contextlib.closing(SeenImages()) as listed:
            count = sum(listed.add(key) and key not in self._done for key in map(_key, names))
            if self.failed_before:
                self._make_room_for(listed)
        return count

    def _make_room_for(self, listed: SeenImages) -> None:
        """Take out the rows with an error of listed images; those of others stay, and are not tried again."""
        self.failed_before = 0
        for name, has_answer in self._rows_before():  # those of the finished file go when it is written again
            if not has_answer and _key(name) not in listed:
                self.failed_before += self._done.add(_key(name))
        try:
            with whole_files(self._journal) as (temporary,), open(temporary, "wb") as copy:
                shutil.copymode(self._journal, temporary)
                for record, written, has_answer in self._records():
                    if written is None or has_answer or _key(written) not in listed:
                        copy.write(record)
                        if written is not None and not has_answer:
                            self.failed_before += self._done.add(_key(written))
            self._stream.close()
            self._stream = open_regular_to_append(self._journal)
            self._end = os.fstat(self._stream.fileno()).st_size
        except OSError as error:
            raise self._failure(error, "make space") from error

    def has_answer(self, name: str) -> bool:
        """True if an image needs no row any more."""
        return _key(name) in self._done

    def pending(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the images that have no answer in the file, each once."""
        for name in names:
            if self._done.add(_key(name)):
                yield name

    def append(self, row: Row) -> None:
        """Write a row; the operating system has it when this returns.

        Raises:
            OutputError: It cannot be written; the file ends with the row before.
        """
        self._append(self._lines.encode({**row, "image": written_name(row["image"])}))

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stream.raw.write(rest) or 0 :]
            self._end += len(data)
            if time.monotonic() - self._synced_s >= SYNC_INTERVAL_S:
                os.fsync(self._stream.fileno())
                self._synced_s = time.monotonic()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._stream.fileno(), self._end)
            remedy = "what was written is whole: make space, and the same command goes on"
            raise self._failure(error, remedy) from error

    def finish(self) -> None:
        """Bring everything to the disk: a Parquet file is written now, from its journal.

        Raises:
            OutputError: It cannot be written; what there was is as it was.
        """
        try:
            os.fsync(self._stream.fileno())
            if self._is_parquet and (self._end or not _has_content(self._file)):
                self._write_parquet()
                self._stream.truncate(0)
                self._end = 0
        except OSError as error:
            raise self._failure(error, "make space, and the same command goes on") from error
        except (ValueError, TypeError, KeyError) as error:  # of rows that are there, from before
            raise self._damaged(error) from error

    def _write_parquet(self) -> None:
        with contextlib.closing(SeenImages()) as newer, whole_files(self._file) as (temporary,):
            for _, name, _ in self._records():
                newer.add(_key(name or ""))
            write_parquet(
                temporary,
                (parse_json(record) for record, _, _ in self._records()),
                embeddings=self._embeddings,
                before=self._file if _has_content(self._file) else None,
                keeps=lambda name: _key(name) not in newer,
            )

    def close(self) -> None:
        """Let other processes write it."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _key(name: str) -> str:
    """Return what all names of an image have in common, links aside."""
    return os.path.abspath(written_name(name))
