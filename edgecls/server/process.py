"""One process that serves until a signal ends it: alone, or as one of several workers."""

import contextlib
import gc
import queue
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from enum import Enum, auto
from multiprocessing import parent_process
from pathlib import Path
from types import FrameType
from typing import Any, Self

from edgecls.errors import EdgeclsError
from edgecls.server.http.server import HttpServer, listening_socket
from edgecls.server.server import Server
from edgecls.server.settings import ServeSettings
from edgecls.server.workers.board import Board
from edgecls.server.workers.shared_port import SharedPort

__all__ = ["serve_alone", "serve_as_worker"]

LOOK_INTERVAL_S = 1.0  # for signals, which Windows delivers only between two waits; and whether the supervisor lives


def serve_alone(settings: ServeSettings, tell: Callable[[str], None]) -> None:
    """Serve in this process until a signal ends it; `tell` takes lines for the operator.

    Raises:
        EdgeclsError: The server cannot start with these settings.
    """
    listener = listening_socket(settings.host, settings.port)
    with _Signals() as signals:
        _run(Server(settings, lambda: listener, listener.getsockname()[0], tell), signals, is_first=True)


def serve_as_worker(
    settings: ServeSettings, tell: Callable[[str], None], port: SharedPort, folder: Path, number: int, is_first: bool
) -> None:
    """Serve as one of several processes, until a signal or the end of the supervisor ends it.

    Args:
        settings: Of the whole server; this process uses its share of them.
        tell: Takes a line for the operator.
        port: Where all of them listen.
        folder: Where they exchange their statuses.
        number: Number of the worker, from 1.
        is_first: Whether it is the first of all that are ever started.
    """
    try:
        with _Signals() as signals:
            board = Board(folder, workers=settings.workers)
            _run(Server(settings, port.listen, port.address[0], tell, board, number), signals, is_first=is_first)
    except EdgeclsError as error:
        tell(f"Error: {error}")
        sys.exit(1)
    finally:
        supervisor = parent_process()
        if supervisor is not None and not supervisor.is_alive():
            shutil.rmtree(folder, ignore_errors=True)  # which the supervisor would have done


def _run(server: Server, signals: "_Signals", *, is_first: bool) -> None:
    with server.serving(is_first=is_first, is_stopping=lambda: signals.has_stop) as http, _frozen():
        _wait_for_stop(server, http, signals)


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Leave what is there now out of garbage collections: looking through it stops all requests for 20 ms."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _wait_for_stop(server: Server, http: HttpServer, signals: "_Signals") -> None:
    """Return when a signal asks to stop, the supervisor has died or the HTTP server has failed."""
    supervisor = parent_process()
    while (supervisor is None or supervisor.is_alive()) and not http.failed:
        action = signals.next(LOOK_INTERVAL_S)
        if action is _Action.STOP:
            return
        if action is _Action.RELOAD:
            threading.Thread(target=server.reload, name="edgecls-reload", daemon=True).start()


class _Action(Enum):
    """What a signal requests."""

    STOP = auto()
    RELOAD = auto()


class _Signals:
    """Handlers of SIGINT, SIGTERM and, where it exists, SIGHUP; used in the main thread.

    Attributes:
        has_stop: Whether one of the first two has come.
    """

    def __init__(self) -> None:
        self.has_stop = False
        self._queue: queue.SimpleQueue[_Action] = queue.SimpleQueue()  # which a signal may interrupt anywhere
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # one that was not set from Python cannot be set again
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        stops = number in (signal.SIGINT, signal.SIGTERM)
        self.has_stop = self.has_stop or stops
        self._queue.put(_Action.STOP if stops else _Action.RELOAD)

    def next(self, timeout_s: float) -> _Action | None:
        """Wait for a signal, for so many seconds at most; None if none has come."""
        try:
            return self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
