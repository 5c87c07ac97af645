"""Can requests be served now."""

from collections.abc import Callable

from edgecls.server.models.repository import RETRY_S, NotReadyError, Repository

__all__ = ["Readiness"]


class Readiness:
    """What a load balancer wants to know before it sends requests here.

    Args:
        repository: The models.
        others_ready: Whether the other processes of the server can serve.
    """

    def __init__(self, repository: Repository, others_ready: Callable[[], bool] = lambda: True) -> None:
        self._repository = repository
        self._others_ready = others_ready
        self._draining = False

    def drain(self) -> None:
        """Be not ready from now on: the server is about to stop."""
        self._draining = True

    @property
    def here(self) -> bool:
        """True if this process can serve."""
        return self._repository.ready and not self._draining

    def check(self) -> None:
        """Return if every model can be asked.

        Raises:
            NotReadyError: One cannot.
        """
        if self._draining:
            raise _not_ready("the server is stopping")
        if not self._repository.ready:
            raise _not_ready("not every model is loaded yet")
        if not self._others_ready():
            raise _not_ready("not every process of the server is ready yet")


def _not_ready(reason: str) -> NotReadyError:
    return NotReadyError(reason, retry_s=RETRY_S)
