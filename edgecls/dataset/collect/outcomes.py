"""What can become of the address of a picture."""

__all__ = ["FetchError", "StoppedError", "is_transient"]

_TRANSIENT = frozenset(
    [
        *("timeout", "connection_failed", "connection_lost", "name_not_found", "tls_failed", "host_busy"),
        # These depend on settings and on the other side's rules, and cost next to nothing to find out again.
        *("refused_address", "refused_robots"),
        *("http_401", "http_403", "http_407", "http_408", "http_425", "http_429"),
    ]
)


def is_transient(outcome: str) -> bool:
    """True for an outcome that a later run may turn into another one."""
    return outcome in _TRANSIENT or outcome.startswith("http_5")


class FetchError(Exception):
    """An address did not give what it should.

    Attributes:
        outcome: The reason as one word, as it stands in the manifest.
        transient: Trying again in a moment may help.
        retry_after_s: How long the server asks to be left alone.
    """

    def __init__(
        self, outcome: str, detail: str, *, transient: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.transient = transient
        self.retry_after_s = retry_after_s


class StoppedError(Exception):
    """The work was stopped from outside."""
