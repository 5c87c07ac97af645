"""The manifest of a collection: the outcome of each address, written as soon as it is known."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edgecls.dataset.collect.outcomes import is_transient
from edgecls.errors import DatasetError, OutputError
from edgecls.image_limits import ImageLimits
from edgecls.journal import DamagedLineError, Journal

__all__ = ["MANIFEST_NAME", "Manifest", "Record"]

MANIFEST_NAME = "collected.jsonl"


@dataclass(frozen=True)
class Record:
    """The outcome of one address.

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
        """Return whether fetching the address again, under these limits, would give the same outcome."""
        if self.outcome == "too_small" and self.width and self.height:
            return not is_large_enough(self.width, self.height, min_sides)
        if self.outcome == "too_many_pixels" and self.width and self.height:
            return self.width * self.height > limits.max_pixels
        if self.outcome == "too_large" and self.bytes:
            return limits.max_bytes <= self.bytes
        return not is_transient(self.outcome)


def is_large_enough(width: int, height: int, min_sides: tuple[int, int]) -> bool:
    """Compare the shorter side with the smaller limit and the longer side with the larger one."""
    shorter, longer = sorted((width, height))
    return shorter >= min(min_sides) and longer >= max(min_sides)


class Manifest(Journal):
    """The journal of records of an output folder; may be used by several threads.

    Args:
        path: The file; it need not exist.

    Attributes:
        latest: The latest record of each address.

    Raises:
        DatasetError: A line of the file is not a record. An unfinished last line, left by a process that was
            killed, is removed instead.
        OutputError: The file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            super().__init__(path)
        except OSError as error:
            raise OutputError(f"cannot write {str(path)!r}: {error.strerror}; choose another place") from error
        except DamagedLineError as error:
            raise self._damaged(error.number) from error
        self.latest: dict[str, Record] = {}
        for number, facts in enumerate(self.records, 1):
            record = _parse(facts)
            if record is None:
                self.close()
                raise self._damaged(number)
            self.latest[record.url] = record

    def add(self, record: Record) -> None:
        """Append a record; the operating system has it when this returns.

        Raises:
            OutputError: It cannot be written.
        """
        facts = {name: value for name, value in asdict(record).items() if value is not None}
        try:
            self.append(facts)
        except OSError as error:
            raise OutputError(f"cannot write {str(self._path)!r}: {error.strerror}") from error
        self.latest[record.url] = record

    def _damaged(self, number: int) -> DatasetError:
        return DatasetError(
            f"line {number} of {str(self._path)!r} is not a record of a collected image; "
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
