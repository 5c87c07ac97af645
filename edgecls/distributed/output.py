"""The output folder of a cluster job: a manifest, and parts that are whole or not there.

Only the program that the user started writes here. The parts say which images are done, so that nothing else has to
be recorded, and nothing can contradict them.
"""

import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from edgecls.atomic_write import remove_leftovers, whole_files
from edgecls.errors import DistributedError
from edgecls.folder_lock import try_lock_folder
from edgecls.json_text import parse_json
from edgecls.results.parquet import parquet_rows, write_parquet
from edgecls.results.resume import changed_facts, write_facts
from edgecls.results.rows import Row

__all__ = ["FORMATS", "MANIFEST", "OutputFolder"]

MANIFEST = "manifest.json"
FORMAT = 1
FORMATS = {"parquet": ".parquet", "json": ".jsonl"}
"""The forms of a part, and their file name endings."""


class OutputFolder:
    """The folder of one job, open for one process at a time; `open` makes one.

    Attributes:
        path: The folder.
        part_count: Parts that are finished, in this run or before.
    """

    def __init__(self, path: Path, facts: dict[str, Any], lock: int) -> None:
        self.path = path
        self.part_count = 0
        self._facts = facts
        self._suffix = FORMATS[facts["options"]["format"]]
        self._lock = lock
        self._next_number = 1 + max((_number_of(part) for part in self._parts()), default=0)

    @classmethod
    def open(cls, path: Path, facts: dict[str, Any]) -> Self:
        """Begin a job or go on with one.

        Args:
            path: The folder; made if it is not there.
            facts: What every part rests on: edgecls's version, "model" with name and digest, "options" with the
                "format" among them. Values are those that JSON has.

        Raises:
            DistributedError: Another process is writing there, it holds something else, or a job with other facts.
        """
        facts = {"format": FORMAT, **facts}
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = try_lock_folder(path)
            if lock is None:
                raise DistributedError(f"cannot write to {str(path)!r}: another run is writing there; wait for its end")
            try:
                _check_or_begin(path, facts)
                for names in ("part-*", MANIFEST):
                    remove_leftovers(path, names)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise DistributedError(
                f"cannot write to {str(path)!r}: {error.strerror or error}; choose another folder"
            ) from error
        return cls(path, facts, lock)

    def finished(self) -> Iterator[tuple[str, bool]]:
        """Yield the name of each image in the finished parts, and whether it has an answer.

        Raises:
            DistributedError: A part is damaged.
        """
        for part in self._parts():
            self.part_count += 1
            with _part_errors(part):
                yield from _names_in_parquet(part) if self._suffix == ".parquet" else _names_in_lines(part)

    def rows(self) -> Iterator[Row]:
        """Yield each row of the finished parts; what it does not have is left out or None.

        Raises:
            DistributedError: A part is damaged.
        """
        for part in self._parts():
            with _part_errors(part):
                yield from parquet_rows(part) if self._suffix == ".parquet" else _rows_in_lines(part)

    def write(self, rows: list[Row]) -> None:
        """Write a part.

        Raises:
            OutputError: It cannot be written.
        """
        with whole_files(self.path / f"part-{self._next_number:06d}{self._suffix}") as (temporary,):
            if self._suffix == ".parquet":
                embeddings = self._facts["options"].get("embeddings", False)
                write_parquet(temporary, rows, embeddings=embeddings, rows_at_once=len(rows))
            else:
                with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
                    stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        self._next_number += 1
        self.part_count += 1

    def finish(self, *, images: int, errors: int) -> None:
        """Note in the manifest that every image that was listed is in a part.

        Raises:
            OutputError: It cannot be written.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        finished = {"at": now, "images": images, "errors": errors, "parts": self.part_count}
        write_facts(self.path / MANIFEST, {**self._facts, "finished": finished})

    def close(self) -> None:
        """Let other processes write there."""
        os.close(self._lock)

    def _parts(self) -> list[Path]:
        return sorted(self.path.glob(f"part-*{self._suffix}"))


def _check_or_begin(path: Path, facts: dict[str, Any]) -> None:
    manifest = path / MANIFEST
    try:
        before = parse_json(manifest.read_bytes())
    except FileNotFoundError:
        others = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
        if others:
            raise DistributedError(
                f"cannot write to {str(path)!r}: it holds other files, {others[0]!r} for one, and no {MANIFEST}; "
                "choose an empty folder"
            ) from None
        write_facts(manifest, facts)
        return
    except ValueError as error:
        raise DistributedError(f"cannot read {str(manifest)!r}: {error}; choose another folder") from error
    if not isinstance(before, dict):
        raise DistributedError(f"cannot read {str(manifest)!r}: it is no JSON object; choose another folder")
    if differing := changed_facts(before, facts):
        raise DistributedError(
            f"cannot go on in {str(path)!r}, which another run began: {'; '.join(differing)}; choose another "
            "folder, or run with what that run had"
        )


def _number_of(part: Path) -> int:
    with contextlib.suppress(ValueError):
        return int(part.stem.removeprefix("part-"))
    return 0


@contextlib.contextmanager
def _part_errors(part: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DistributedError(
            f"cannot read the part {str(part)!r} of an earlier run: {error}; remove it, and its images are "
            "classified again"
        ) from error


def _names_in_lines(part: Path) -> Iterator[tuple[str, bool]]:
    for row in _rows_in_lines(part):
        yield row["image"], "error" not in row


def _rows_in_lines(part: Path) -> Iterator[Row]:
    with open(part, encoding="utf-8") as stream:
        for row in map(parse_json, stream):
            if not isinstance(row, dict):
                raise ValueError("a line is no object")
            _check_name(row.get("image"))
            yield row


def _names_in_parquet(part: Path) -> Iterator[tuple[str, bool]]:
    for row in parquet_rows(part, columns=["image", "label"]):
        _check_name(row["image"])
        yield row["image"], row["label"] is not None


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ValueError(f"an image is called {str(name)[:80]!r}")
