"""Journals: JSON objects, one a line, only ever appended, so that work that was killed can go on.

A kill can leave the last line unfinished. It does not count, and the next append replaces it: whatever it announced
was not done yet, or is seen from the files.
"""

import json
import os
import threading
from pathlib import Path
from typing import Any, Self

from edgecls.json_text import parse_json
from edgecls.regular_file import open_regular_to_append, read_regular

__all__ = ["DamagedLineError", "Journal", "read_journal"]


class DamagedLineError(ValueError):
    """A finished line of a journal is no JSON object.

    Attributes:
        number: Of the line, from 1.
    """

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"line {number}: {reason}")
        self.number = number


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the records of a journal, without a last line that was cut short.

    Text that is not Unicode, as file names may be, comes back as it was written, with lone surrogates.

    Raises:
        OSError: The file cannot be read.
        DamagedLineError: A line is no JSON object.
    """
    return _parsed(_finished(read_regular(path)))


class Journal:
    """A journal that is open for appending; several threads may append.

    Opening it creates the file if there is none, and removes a last line that was cut short.

    Args:
        path: The file; its folder must exist.

    Attributes:
        records: What stood in it when it was opened.

    Raises:
        OSError: The file cannot be opened or written, or is no regular file.
        DamagedLineError: A line is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._stream = open_regular_to_append(path)
        try:
            self._stream.seek(0)
            data = self._stream.read()
            finished = _finished(data)
            self.records = _parsed(finished)
            if len(finished) < len(data):
                self._stream.truncate(len(finished))
        except BaseException:
            self._stream.close()
            raise

    def append(self, *records: dict[str, Any]) -> None:
        """Write records; the operating system has them when this returns.

        Raises:
            OSError: They cannot be written.
        """
        lines = b"".join(
            json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n" for record in records
        )
        with self._lock:
            self._stream.write(lines)
            self._stream.flush()

    def sync(self) -> None:
        """Return once everything appended is on the disk, so that a power cut does not lose it either."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _finished(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _parsed(lines: bytes) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(lines.split(b"\n")[:-1], 1):
        try:
            record = parse_json(line.decode("utf-8", "surrogateescape"))
        except ValueError as error:
            raise DamagedLineError(number, str(error)) from error
        if not isinstance(record, dict):
            raise DamagedLineError(number, f"{line[:80]!r} is no JSON object")
        records.append(record)
    return records
