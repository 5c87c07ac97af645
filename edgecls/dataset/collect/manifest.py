"""What became of each address: one JSON object a line, written as each ends."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgecls.dataset.collect.outcomes import is_transient
from edgecls.errors import DatasetError, OutputError
from edgecls.image import ImageLimits
from edgecls.journal import DamagedLineError, Journal

__all__ = ["MANIFEST_NAME", "Manifest", "Record"]

MANIFEST_NAME = "collected.jsonl"


@dataclass(frozen=True)
class Record:
    """What became of one address.

    Attributes:
        url: The address as it was found.
        label: The class it was fetched for.
        outcome: One word: saved, duplicate, too_small, timeout, http_404 ...
        time: When, in UTC, ISO 8601.
        source: Where the address was found: a search engine, a page, a list.
        keyword: What was searched for.
        final_url: Where redirects led.
        sha256: Of the bytes that came.
        bytes: How many came; for too_large, the limit.
        width: Of the image, upright, in pixels.
        height: Of the image, upright, in pixels.
        file: The image below the output folder; for a duplicate, the one that was there first.
        detail: The reason in words.
    """

    url: str
    label: str
    outcome: str
    time: str
    source: str | None = None
    keyword: str | None = None
    final_url: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    file: str | None = None
    detail: str | None = None

    def settles(self, *, min_sides: tuple[int, int], limits: ImageLimits) -> bool:
        """True if fetching the address again, under these limits, could bring nothing new."""
        if self.outcome == "too_small" and self.width and self.height:
            return not is_large_enough(self.width, self.height, min_sides)
        if self.outcome == "too_many_pixels" and self.width and self.height:
            return self.width * self.height > limits.max_pixels
        if self.outcome == "too_large" and self.bytes:
            return limits.max_bytes <= self.bytes
        return not is_transient(self.outcome)


def is_large_enough(width: int, height: int, min_sides: tuple[int, int]) -> bool:
    """Compare the shorter with the shorter and the longer with the longer side."""
    shorter, longer = sorted((width, height))
    return shorter >= min(min_sides) and longer >= max(min_sides)


class Manifest:
    """The file of records of an output folder; may be used by several threads.

    Args:
        path: The file; it need not exist.

    Raises:
        DatasetError: A line of the file is no record. An unfinished last line, left by a process that was
            killed, is removed instead.
        OutputError: The file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._journal = Journal(path)
        except OSError as error:
            raise OutputError(f"cannot write {str(path)!r}: {error.strerror}; choose another place") from error
        except DamagedLineError as error:
            raise self._damaged(error.number) from error
        self._records: dict[str, Record] = {}
        for number, facts in enumerate(self._journal.records, 1):
            record = _parse(facts)
            if record is None:
                self._journal.close()
                raise self._damaged(number)
            self._records[record.url] = record

    @property
    def records(self) -> Mapping[str, Record]:
        """The latest record of each address."""
        return self._records

    def add(self, record: Record) -> None:
        """Append a record; it is on its way to the disk when this returns.

        Raises:
            OutputError: It cannot be written.
        """
        facts = {name: value for name, value in asdict(record).items() if value is not None}
        try:
            self._journal.append(facts)
        except OSError as error:
            raise OutputError(f"cannot write {str(self._path)!r}: {error.strerror}") from error
        self._records[record.url] = record

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def __enter__(self) -> "Manifest":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _damaged(self, number: int) -> DatasetError:
        return DatasetError(
            f"line {number} of {str(self._path)!r} is no record of a collected image; "
            "correct it, or move the file away to begin anew"
        )


_TYPES: dict[str, tuple[type, ...]] = {
    field.name: (int,) if "int" in str(field.type) else (str,) for field in fields(Record)
}
_REQUIRED = ("url", "label", "outcome", "time")


def _parse(facts: Mapping[str, Any]) -> Record | None:
    if not all(name in facts for name in _REQUIRED):
        return None
    known = {name: facts[name] for name in _TYPES if name in facts}
    if not all(isinstance(value, _TYPES[name]) for name, value in known.items()):
        return None
    return Record(**known)
