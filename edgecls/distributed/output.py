"""The output folder of a cluster job: a manifest, and parts that are whole or not there.

Only the program that the user started writes here. The parts say which images are done, so that nothing else has to
be recorded, and nothing can contradict them.
"""

import contextlib
import datetime
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from edgecls.atomic_write import remove_leftovers, whole_files
from edgecls.errors import DistributedError
from edgecls.extras import import_from_extra
from edgecls.folder_lock import try_lock_folder

__all__ = ["FORMATS", "MANIFEST", "OutputFolder", "Row", "SeenImages", "written_name"]

MANIFEST = "manifest.json"
FORMAT = 1
FORMATS = {"parquet": ".parquet", "json": ".jsonl"}
"""The forms of a part, and their file name endings."""

CACHE_KIB = 65536  # of the database of names; the rest is on disk
DIGEST_BYTES = 16

Row = dict[str, Any]
"""What `edgecls run --format json` prints for an image."""


def written_name(name: str) -> str:
    """Return the name of an image as it stands in the output, where bytes that are no UTF-8 are escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class SeenImages:
    """Names that came already, of any number, in bounded memory: digests in a temporary database on disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name, which goes when it is closed
        for statement in (
            f"PRAGMA cache_size=-{CACHE_KIB}",
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._db.execute(statement)

    def add(self, name: str) -> bool:
        """Take a name down; True if it came for the first time.

        Args:
            name: As `written_name` returns it.

        Raises:
            DistributedError: There is no space left for the database.
        """
        digest = hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest()
        try:
            return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1
        except sqlite3.Error as error:
            raise DistributedError(
                f"cannot keep track of the images: {error}; make space in the folder for temporary files (TMPDIR)"
            ) from error

    def close(self) -> None:
        """Forget all names."""
        self._db.close()


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
            try:
                yield from _names_in_parquet(part) if self._suffix == ".parquet" else _names_in_lines(part)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise DistributedError(
                    f"cannot read the part {str(part)!r} of an earlier run: {error}; remove it, and its images are "
                    "classified again"
                ) from error

    def write(self, rows: list[Row]) -> None:
        """Write a part.

        Raises:
            OutputError: It cannot be written.
        """
        with whole_files(self.path / f"part-{self._next_number:06d}{self._suffix}") as (temporary,):
            if self._suffix == ".parquet":
                _write_parquet(temporary, rows, embeddings=self._facts["options"].get("embeddings", False))
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
        _write_json(self.path / MANIFEST, {**self._facts, "finished": finished})

    def close(self) -> None:
        """Let other processes write there."""
        os.close(self._lock)

    def _parts(self) -> list[Path]:
        return sorted(self.path.glob(f"part-*{self._suffix}"))


def _check_or_begin(path: Path, facts: dict[str, Any]) -> None:
    manifest = path / MANIFEST
    try:
        before = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        others = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
        if others:
            raise DistributedError(
                f"cannot write to {str(path)!r}: it holds other files, {others[0]!r} for one, and no {MANIFEST}; "
                "choose an empty folder"
            ) from None
        _write_json(manifest, facts)
        return
    except ValueError as error:
        raise DistributedError(f"cannot read {str(manifest)!r}: {error}; choose another folder") from error
    if not isinstance(before, dict):
        raise DistributedError(f"cannot read {str(manifest)!r}: it is no JSON object; choose another folder")
    differing = [
        f"{name} was {was}, is {now}" for name, was, now in _differences(before, json.loads(json.dumps(facts)))
    ]
    if differing:
        raise DistributedError(
            f"cannot go on in {str(path)!r}, which another run began: {'; '.join(differing)}; choose another "
            "folder, or run with what that run had"
        )


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, value in now.items():
        was = before.get(key)
        if isinstance(value, dict) and isinstance(was, dict):
            yield from _differences(was, value)
        elif was != value:
            yield key, json.dumps(was, ensure_ascii=False), json.dumps(value, ensure_ascii=False)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    with whole_files(path) as (temporary,):
        temporary.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _number_of(part: Path) -> int:
    with contextlib.suppress(ValueError):
        return int(part.stem.removeprefix("part-"))
    return 0


def _names_in_lines(part: Path) -> Iterator[tuple[str, bool]]:
    with open(part, encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            yield row["image"], "error" not in row


def _names_in_parquet(part: Path) -> Iterator[tuple[str, bool]]:
    parquet = import_from_extra("pyarrow.parquet", extra="ray", purpose="reading Parquet")
    with parquet.ParquetFile(part) as file:
        for batch in file.iter_batches(columns=["image", "label"]):
            labels = batch.column("label").is_valid().to_pylist()
            yield from zip(batch.column("image").to_pylist(), labels, strict=True)


def _write_parquet(path: Path, rows: list[Row], *, embeddings: bool) -> None:
    """Write rows with the columns that every prediction has; what only some have follows, typed by its values.

    Args:
        path: The part.
        rows: At least one.
        embeddings: Whether there is a column for these, even where every row has an error.
    """
    arrow = import_from_extra("pyarrow", extra="ray", purpose="writing Parquet")
    parquet = import_from_extra("pyarrow.parquet", extra="ray", purpose="writing Parquet")
    text, number = arrow.string(), arrow.float64()
    columns = {
        "image": text,
        "label": text,
        "known": arrow.bool_(),
        "reason": text,
        "probability": number,
        "familiarity": number,
        "top": arrow.list_(arrow.struct([("label", text), ("probability", number)])),
        "time_ms": number,
        "error": arrow.struct([("type", text), ("message", text)]),
    }
    if embeddings:
        columns["embedding"] = arrow.list_(arrow.float32())
    others = dict.fromkeys(key for row in rows for key in row if key not in columns)
    arrays = {key: arrow.array([row.get(key) for row in rows], kind) for key, kind in columns.items()}
    arrays |= {key: arrow.array([row.get(key) for row in rows]) for key in others}
    parquet.write_table(arrow.table(arrays), path)
