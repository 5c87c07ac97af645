"""Ctrl-C: the first one asks training to end well, the second one ends the program."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["stop_request"]


@contextlib.contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether the user has asked to stop by Ctrl-C since the block began.

    Only the first Ctrl-C is taken so; the next one does what Ctrl-C did before the block. Outside
    the main thread, where no signals arrive, nothing is ever asked for.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
