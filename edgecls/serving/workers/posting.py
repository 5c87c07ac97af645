"""Keeping a process's status on the board."""

import contextlib
import threading
from collections.abc import Callable

from edgecls.serving.workers.board import Board, Gathered, WorkerStatus

__all__ = ["Posting"]

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
        """Post at once, and begin to post again and again."""
        self.now()
        self._thread.start()

    def stop(self) -> None:
        """Post for the last time."""
        self._stopping.set()
        self._thread.join()
        self.now()

    def now(self) -> None:
        """Post at once."""
        with contextlib.suppress(OSError):  # a full disk: what others read stays older until there is room
            self._board.post(self._status())

    def gather(self) -> Gathered:
        """Return what all processes say, this one of this moment.

        What was told once is on the board, so that the next who asks, whichever process answers, is told no less.
        """
        self.now()
        return self._board.gather()

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            self.now()
