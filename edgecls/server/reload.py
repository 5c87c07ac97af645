"""Reading changed files again while the server runs."""

from collections.abc import Callable

from edgecls.errors import EdgeclsError
from edgecls.server.http.tls import Certificate
from edgecls.server.middleware.access_log import AccessLog
from edgecls.server.middleware.api_keys import ApiKeys
from edgecls.server.models.repository import Repository

__all__ = ["Reload"]


class Reload:
    """Reads files again. One that cannot be used leaves in use what was read before, and is reported.

    Args:
        repository: The models.
        tell: Takes a line for the operator.
        keys: The API keys, if any are asked for.
        certificate: That of TLS, if there is one.
        log: The access log, if there is one.
    """

    def __init__(
        self,
        repository: Repository,
        tell: Callable[[str], None],
        *,
        keys: ApiKeys | None = None,
        certificate: Certificate | None = None,
        log: AccessLog | None = None,
    ) -> None:
        self._repository = repository
        self._tell = tell
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
