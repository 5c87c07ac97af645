"""Work in threads, with its result in the window's thread."""

import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from edgecls.errors import EdgeclsError

__all__ = ["Jobs"]

CLOSING_S = 5.0  # for work that is under way when the window closes

_Job = tuple[Callable[[], Any], Callable[[Any], None], Callable[[str], None]]


class Jobs(QObject):
    """Runs functions one after another in a thread of its own.

    Args:
        name: Of the thread.
    """

    _finished = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._todo: SimpleQueue[_Job | None] = SimpleQueue()
        self._is_closed = False
        self._count = 0
        self._finished.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name=f"edgecls-{name}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while something is under way or waits."""
        return self._count > 0

    def run(self, function: Callable[[], Any], *, then: Callable[[Any], None], failed: Callable[[str], None]) -> None:
        """Call a function in the thread.

        Args:
            function: Called there.
            then: Called with what it returns, in the window's thread.
            failed: Called there with the message if it raises an error of edgecls or of the system.
        """
        self._count += 1
        self._todo.put((function, then, failed))

    def close(self) -> None:
        """End the thread; what waits is not begun, and nobody hears of what is under way."""
        self._is_closed = True
        self._todo.put(None)
        self._thread.join(CLOSING_S)

    def _work(self) -> None:
        while (job := self._todo.get()) is not None and not self._is_closed:
            function, then, failed = job
            result: Callable[[], None]
            try:
                result = partial(then, function())
            except (EdgeclsError, OSError) as error:
                result = partial(failed, str(error))
            except BaseException as error:  # noqa: BLE001  raised again in the window's thread
                result = partial(_raise, error)
            if not self._is_closed:
                self._finished.emit(result)
            del job, function, then, failed, result  # or else a thread that waits would keep an image

    def _hand_over(self, result: Callable[[], None]) -> None:
        self._count -= 1
        if not self._is_closed:
            result()


def _raise(error: BaseException) -> None:
    raise error
