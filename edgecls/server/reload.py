"""Reading changed files again while the server runs: on a signal, and when a model file was replaced."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from edgecls.errors import EdgeclsError
from edgecls.runtime.folders.watch import Arrivals, Stamp
from edgecls.server.http.tls import Certificate
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.models.repository import Repository
from edgecls.server.models.signatures import Signatures

__all__ = ["FileWatch", "Reload"]

_BESIDE = "\0beside"  # no name of a model ends so
INTERVAL_S = 1.0  # between two looks; a file is loaded when it has not changed from one to the next


class Reload:
    """Reads files again. One that cannot be used leaves in use what was read before, and is reported.

    Args:
        repository: The models.
        tell: Takes a line for the operator.
        keys: The API keys, if any are asked for.
        certificate: That of TLS, if there is one.
        log: The access log, if there is one.
        signatures: The keys that must have signed the models, if any must.
    """

    def __init__(
        self,
        repository: Repository,
        tell: Callable[[str], None],
        *,
        keys: ApiKeys | None = None,
        certificate: Certificate | None = None,
        log: AccessLog | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        self._repository = repository
        self._tell = tell
        self._signatures = signatures
        self._keys = keys
        self._certificate = certificate
        self._log = log

    def everything(self) -> None:
        """Read all files again, and begin the access log anew."""
        if self._log is not None:
            self._attempt("the access log was opened again", self._log.reopen)
        if self._keys is not None:
            self._attempt("the API keys were read again", self._keys.reload)
        if self._certificate is not None:
            self._attempt("the certificate was read again", self._certificate.reload)
        if self._signatures is not None:  # before the models that they are for
            self._attempt("the keys for signatures were read again", self._signatures.reload)
        for entry in self._repository.index():
            self.model(entry.name)

    def model(self, name: str) -> None:
        """Load a model again."""
        self._attempt(f"model {name} was loaded again", lambda: self._repository.load(name))

    def _attempt(self, success: str, step: Callable[[], object]) -> None:
        try:
            step()
        except EdgeclsError as error:
            self._tell(f"not reloaded, what was there before stays in use: {error}")
        else:
            self._tell(success)


class FileWatch:
    """Has models loaded again when their files change. What is there when it is made counts as loaded.

    Args:
        repository: The models.
        reload: Loads a model again, by name, and reports the outcome. Called once per change.
        beside: Returns a file whose change counts as one of the model file, as its signature; None for no such file.
    """

    def __init__(
        self, repository: Repository, reload: Callable[[str], None], *, beside: Callable[[Path], Path] | None = None
    ) -> None:
        self._repository = repository
        self._reload = reload
        self._beside = beside
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
        changed = self._arrivals.look(self._stamps(), now_s=0.0)
        for name in changed:
            self._arrivals.settle(name)
        for name in dict.fromkeys(name.removesuffix(_BESIDE) for name in changed):
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
            if self._beside is not None:
                with contextlib.suppress(OSError):
                    status = os.stat(self._beside(entry.file))
                    stamps[entry.name + _BESIDE] = Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
        return stamps
