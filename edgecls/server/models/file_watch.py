"""Noticing that model files were replaced."""

import os
import threading
from collections.abc import Callable

from edgecls.runtime.folders.watch import Arrivals, Stamp
from edgecls.server.models.repository import Repository

__all__ = ["FileWatch"]

INTERVAL_S = 1.0  # between two looks; a file is loaded when it has not changed from one to the next


class FileWatch:
    """Has models loaded again when their files change. What is there when it is made counts as loaded.

    Args:
        repository: The models.
        reload: Loads a model again, by name, and tells what came of it. Called once for each change, whatever comes.
    """

    def __init__(self, repository: Repository, reload: Callable[[str], None]) -> None:
        self._repository = repository
        self._reload = reload
        self._arrivals = Arrivals(patience_s=0.0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edgecls-file-watch", daemon=True)
        stamps = self._stamps()
        self._arrivals.look(stamps, now_s=0.0)
        for name in stamps:
            self._arrivals.settle(name)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; a model that is being loaded is not waited for."""
        self._stopping.set()

    def look(self) -> None:
        """Look once, and load what has changed and is whole."""
        for name in self._arrivals.look(self._stamps(), now_s=0.0):
            self._arrivals.settle(name)
            self._reload(name)

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            self.look()

    def _stamps(self) -> dict[str, Stamp]:
        stamps = {}
        for entry in self._repository.index():
            try:
                status = os.stat(entry.file)
            except OSError:  # taken away; it counts as new when it comes back
                continue
            stamps[entry.name] = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
        return stamps
