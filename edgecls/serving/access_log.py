"""The access log: a line of JSON for each request, written by a thread of its own."""

import contextlib
import json
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TextIO

from edgecls.errors import OutputError

__all__ = ["AccessLog", "Entry"]

MAX_UNWRITTEN = 10_000  # lines; beyond, new ones are dropped, or a disk that hangs would fill the memory
GATHERING_S = 0.1  # so long lines may wait, to be written together
CLOSING_S = 5.0


class Entry(NamedTuple):
    """What is told of a request.

    Attributes:
        time_s: When it was answered, in seconds since the epoch.
        id: The client's name for it, or one made here.
        method: As in "POST"; empty if the request could not be read.
        path: Percent-encoded, without the query.
        status: Of the answer.
        bytes_in: Size of the body received.
        bytes_out: Size of the body sent.
        duration_ms: From the head of the request to its answer.
        queue_ms: The part of that in which it waited for a thread.
        model: Name of the model asked for; empty for none.
        client: Address of the other end.
        key: Name of its API key; empty for none.
    """

    time_s: float
    id: str
    method: str
    path: str
    status: int
    bytes_in: int
    bytes_out: int
    duration_ms: float
    queue_ms: float
    model: str
    client: str
    key: str


class AccessLog:
    """Takes entries without waiting, and writes them in a thread.

    Args:
        target: File to append to; "-" for standard output.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._stream = self._open()
        self._entries: deque[Entry | TextIO] = deque()
        self._some = threading.Event()
        self._closing = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._write_all, name="edgecls-access-log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> bool:
        """Take an entry; False if it had to be dropped, as those before it cannot be written fast enough."""
        if len(self._entries) >= MAX_UNWRITTEN:
            return False
        self._entries.append(entry)
        if not self._some.is_set():
            self._some.set()
        return True

    def reopen(self) -> None:
        """Go on in a new file of the same name, after the old one was renamed.

        Raises:
            OutputError: It cannot be written; the old one is gone on with.
        """
        self._entries.append(self._open())
        self._some.set()

    def close(self) -> None:
        """Write what was taken, and end."""
        self._closing.set()
        self._some.set()
        self._thread.join(CLOSING_S)

    def _open(self) -> TextIO:
        if self._target == "-":
            return sys.stdout
        try:
            return Path(self._target).open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"cannot write the access log {self._target!r}: {error.strerror or error}; choose another place"
            ) from error

    def _write_all(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(GATHERING_S)
            self._some.clear()
            self._write_waiting()
        self._write_waiting()
        self._leave_stream()

    def _write_waiting(self) -> None:
        lines: list[str] = []
        while self._entries:
            item = self._entries.popleft()
            if isinstance(item, Entry):
                lines.append(_line(item))
            else:
                self._write(lines)
                lines = []
                self._leave_stream()
                self._stream = item
        self._write(lines)

    def _write(self, lines: list[str]) -> None:
        try:
            # In one piece, so that processes that share the file do not mix their lines.
            self._stream.write("".join(lines))
            self._stream.flush()
            self._failed = False
        except OSError as error:
            if not self._failed:
                sys.stderr.write(f"cannot write the access log {self._target!r}: {error}; lines are lost\n")
            self._failed = True

    def _leave_stream(self) -> None:
        if self._stream is not sys.stdout:
            with contextlib.suppress(OSError):  # of what could not be written, it was told then
                self._stream.close()


def _line(entry: Entry) -> str:
    facts = entry._asdict()
    moment = datetime.fromtimestamp(facts.pop("time_s"), UTC)
    return json.dumps({"time": moment.isoformat(timespec="milliseconds"), **facts}) + "\n"
