"""Deadlines on receiving: a client that sends a byte now and then does not hold a thread for ever."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Deadlines", "Watch"]

CHECK_INTERVAL_S = 0.5


@dataclass(eq=False)
class Watch:
    """A deadline on one socket.

    Attributes:
        expires_s: When it passes, by time.monotonic().
        expired: Whether it has passed.
    """

    expires_s: float
    expired: bool = False


class Deadlines:
    """Stops receiving on sockets whose deadline has passed; what is read from them then ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[Watch, socket.socket] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._check, name="edgecls-deadlines", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End the watch."""
        self._closed.set()
        self._thread.join()

    @contextlib.contextmanager
    def watch(self, connection: socket.socket, seconds: float) -> Iterator[Watch]:
        """Give the block `seconds` to receive all it needs from a socket; sending stays possible after that."""
        watch = Watch(time.monotonic() + seconds)
        with self._lock:
            self._watched[watch] = connection
        try:
            yield watch
        finally:
            with self._lock:
                self._watched.pop(watch, None)

    def _check(self) -> None:
        while not self._closed.wait(CHECK_INTERVAL_S):
            now = time.monotonic()
            with self._lock:
                for watch, connection in list(self._watched.items()):
                    if watch.expires_s <= now:
                        watch.expired = True
                        del self._watched[watch]
                        with contextlib.suppress(OSError):  # the client has gone already
                            connection.shutdown(socket.SHUT_RD)
