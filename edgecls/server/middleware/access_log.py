"""The access log: a line of JSON for each request, written by a thread of its own."""

import contextlib
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from edgecls.errors import OutputError

__all__ = ["AccessLog", "Entry"]

MAX_UNWRITTEN = 10_000  # lines; beyond, new ones are dropped, or a disk that hangs would fill the memory
GATHERING_S = 0.1  # so long lines may wait, to be written together
CLOSING_S = 5.0


class Entry(NamedTuple):
    """What is logged of a request.

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

    Lines that cannot be written, as on a full disk, are lost; standard error reports that when it begins, and
    how many when writing works again.

    Args:
        target: File to append to; "-" for standard output.
        lost: Called in that thread with the number of lines that could not be written.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, target: str, lost: Callable[[int], object] = lambda count: None) -> None:
        self._target = target
        self._lost = lost
        self._handle = self._open()
        self._entries: deque[Entry | int] = deque()
        self._some = threading.Event()
        self._closing = threading.Event()
        self._refused = self._refused_told = 0  # lines that did not fit into the queue: all, and those reported
        self._unwritten = 0  # lines that could not be written, since writing began to fail
        self._is_torn = False  # whether the file ends within a line
        self._thread = threading.Thread(target=self._write_all, name="edgecls-access-log", daemon=True)
        self._thread.start()

    def put(self, entry: Entry) -> bool:
        """Take an entry; False if it had to be dropped, as those before it cannot be written fast enough."""
        if len(self._entries) >= MAX_UNWRITTEN:
            self._refused += 1
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

    def _open(self) -> int:
        """Return a handle to write to, which belongs to this log."""
        try:
            if self._target == "-":
                return os.dup(sys.stdout.fileno())
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            return os.open(self._target, flags, 0o666)
        except (OSError, ValueError, AttributeError) as error:  # standard output may be closed, or not there at all
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise OutputError(
                f"cannot write the access log {self._target!r}: {reason}; choose another place"
            ) from error

    def _write_all(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(GATHERING_S)
            self._some.clear()
            self._write_waiting()
        self._write_waiting()
        if self._unwritten:
            self._tell(f"access log {self._target!r}: {self._unwritten} lines were lost")
        self._close_handle()

    def _write_waiting(self) -> None:
        lines: list[bytes] = []
        while self._entries:
            item = self._entries.popleft()
            if isinstance(item, Entry):
                lines.append(_line(item))
            else:
                self._write(lines)
                lines = []
                self._close_handle()
                self._handle, self._is_torn = item, False
        self._write(lines)
        refused = self._refused
        if refused > self._refused_told:
            self._tell(
                f"the access log {self._target!r} cannot be written fast enough; "
                f"{refused - self._refused_told} lines were dropped"
            )
            self._refused_told = refused

    def _write(self, lines: list[bytes]) -> None:
        """Write lines in one piece, so that processes that share the file do not mix theirs."""
        if not lines:
            return
        data = b"\n" * self._is_torn + b"".join(lines)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._handle, data[written:])
        except OSError as error:
            whole = data[:written].count(b"\n") - self._is_torn  # of a torn line, the end comes first
            self._count_unwritten(len(lines) - max(0, whole), error)
        else:
            if self._unwritten:
                self._tell(f"the access log {self._target!r} can be written again; {self._unwritten} lines were lost")
            self._unwritten = 0
        if written:
            self._is_torn = data[written - 1 : written] != b"\n"

    def _count_unwritten(self, count: int, error: OSError) -> None:
        if not self._unwritten:
            self._tell(f"cannot write the access log {self._target!r}: {error.strerror or error}; lines are lost")
        self._unwritten += count
        self._lost(count)

    def _tell(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # standard error may be as full, or closed
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    def _close_handle(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written was reported then
            os.close(self._handle)


def _line(entry: Entry) -> bytes:
    facts = entry._asdict()
    moment = datetime.fromtimestamp(facts.pop("time_s"), UTC)
    return (json.dumps({"time": moment.isoformat(timespec="milliseconds"), **facts}) + "\n").encode("ascii")
