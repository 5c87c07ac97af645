"""What work that goes on after it was stopped has to know: which images are done, and what their rows rest on."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgecls.atomic_write import whole_files
from edgecls.errors import OutputError

__all__ = ["SeenImages", "changed_facts", "write_facts"]

CACHE_KIB = 65536  # of the database of names; the rest is on disk
DIGEST_BYTES = 16


class SeenImages:
    """Names that came already, of any number, in bounded memory: digests in a temporary database on disk."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name, which goes when it is closed
        self._count = 0
        for statement in (
            f"PRAGMA cache_size=-{CACHE_KIB}",
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            self._db.execute(statement)

    def __len__(self) -> int:
        return self._count

    def add(self, name: str) -> bool:
        """Take a name down; True if it came for the first time.

        Args:
            name: As `written_name` returns it.

        Raises:
            OutputError: There is no space left for the database.
        """
        try:
            is_new = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (_digest(name),)).rowcount == 1
        except sqlite3.Error as error:
            raise OutputError(
                f"cannot keep track of the images: {error}; make space in the folder for temporary files (TMPDIR)"
            ) from error
        self._count += is_new
        return is_new

    def __contains__(self, name: str) -> bool:
        found = self._db.execute("SELECT 1 FROM seen WHERE digest = ?", (_digest(name),)).fetchone()
        return found is not None

    def close(self) -> None:
        """Forget all names."""
        self._db.close()


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=DIGEST_BYTES).digest()


def changed_facts(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what differs from an earlier run, as "top was 1, is 2".

    Args:
        before: The facts of the earlier run, as JSON has them; what it noted besides does not count.
        now: Those of this run.
    """
    return [f"{name} was {was}, is {is_now}" for name, was, is_now in _differences(before, json.loads(json.dumps(now)))]


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, value in now.items():
        was = before.get(key)
        if isinstance(value, dict) and isinstance(was, dict):
            yield from _differences(was, value)
        elif was != value:
            yield key, _shown(was), _shown(value)


def _shown(value: Any) -> str:
    """Return a value as messages have it; what is no text in it (lone surrogates) is escaped."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write facts as a JSON file.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_files(path) as (temporary,):
        temporary.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
