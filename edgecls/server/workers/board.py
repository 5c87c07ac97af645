"""What the processes of a server share: each writes a file, and all read every file."""

import contextlib
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgecls.server.metrics.counters import Snapshot

__all__ = ["Board", "Gathered", "Posting", "WorkerStatus"]


@dataclass(frozen=True)
class WorkerStatus:
    """What one process says of itself.

    Attributes:
        number: Which of the processes it is, from 1.
        pid: Its process identifier.
        ready: Whether it can serve.
        waiting: Requests that wait for a thread.
        snapshot: What it has counted.
    """

    number: int
    pid: int
    ready: bool
    waiting: int
    snapshot: Snapshot


@dataclass(frozen=True)
class Gathered:
    """What all processes say.

    Attributes:
        statuses: Of those that run.
        gone: What those have counted that do not run any more.
    """

    statuses: list[WorkerStatus]
    gone: list[Snapshot]

    @property
    def snapshots(self) -> list[Snapshot]:
        """All that has been counted, by processes that run and by others."""
        return [*(status.snapshot for status in self.statuses), *self.gone]


class Board:
    """The folder of statuses, as one process uses it.

    Args:
        folder: An empty one, for this server only.
        workers: How many processes there are when all are well.
    """

    def __init__(self, folder: Path, *, workers: int) -> None:
        self._folder = folder
        self._workers = workers
        self._posting = threading.Lock()

    @property
    def choices_folder(self) -> Path:
        """The folder of how models run best, for what no later server will find; it need not exist."""
        return self._folder / "tuning"

    @property
    def all_ready(self) -> bool:
        """True if every process has said that it is ready."""
        return len(self.ready()) == self._workers

    def ready(self) -> set[int]:
        """Return the numbers of the processes that have said that they are ready."""
        return {status.number for status in self._statuses() if status.ready}

    def posted(self) -> set[int]:
        """Return the numbers of the processes that have said anything yet."""
        return {status.number for status in self._statuses()}

    def post(self, status: WorkerStatus) -> None:
        """Post the current status."""
        text = json.dumps(
            {
                "number": status.number,
                "pid": status.pid,
                "ready": status.ready,
                "waiting": status.waiting,
                "snapshot": {name: list(series.items()) for name, series in status.snapshot.items()},
            }
        )
        file = self._file(status.number)
        with self._posting:
            staged = file.with_suffix(".new")
            staged.write_text(text, encoding="utf-8")
            os.replace(staged, file)

    def gather(self) -> Gathered:
        """Return what all processes have said."""
        while True:
            files = sorted(self._folder.glob("gone-*.json"))
            found = Gathered(self._statuses(), [status.snapshot for status in map(_read, files) if status])
            if files == sorted(self._folder.glob("gone-*.json")):  # or one was buried meanwhile, and missed
                return found

    def bury(self, number: int, pid: int) -> None:
        """Keep what a process has counted that does not run any more; called by the one that starts them."""
        with contextlib.suppress(FileNotFoundError):  # it has said nothing
            os.replace(self._file(number), self._folder / f"gone-{pid}.json")

    def _file(self, number: int) -> Path:
        return self._folder / f"worker-{number}.json"

    def _statuses(self) -> list[WorkerStatus]:
        found = (_read(self._file(number)) for number in range(1, self._workers + 1))
        return [status for status in found if status]


def _read(file: Path) -> WorkerStatus | None:
    """Return a status, None if it is not there any more."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    snapshot = {
        name: {tuple(labels): numbers for labels, numbers in series} for name, series in facts.pop("snapshot").items()
    }
    return WorkerStatus(**facts, snapshot=snapshot)


INTERVAL_S = 0.5  # between two statuses; so old may be what others read


class Posting:
    """Posts the status of this process again and again, in a thread.

    Args:
        board: Where to.
        status: Returns what to say.
    """

    def __init__(self, board: Board, status: Callable[[], WorkerStatus]) -> None:
        self._board = board
        self._status = status
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgecls-posting", daemon=True)

    def start(self) -> None:
        """Post now, and start to post repeatedly."""
        self.now()
        self._thread.start()

    def stop(self) -> None:
        """Post for the last time."""
        self._stopping.set()
        self._thread.join()
        self.now()

    def now(self) -> None:
        """Post now."""
        with contextlib.suppress(OSError):  # a full disk: what others read stays old until there is space
            self._board.post(self._status())

    def gather(self) -> Gathered:
        """Return what all processes say, this one of this moment.

        What was reported once is on the board, so that later answers, from whichever process, report no less.
        """
        self.now()
        return self._board.gather()

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            self.now()
