"""Outcomes of fetching an address, a word each: errors, what exceptions mean, and which outcomes may change."""

from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationValueError,
    ProtocolError,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as UrllibTimeoutError

__all__ = ["FetchError", "StoppedError", "fetch_error_of", "is_transient"]

_TRANSIENT = frozenset(
    [
        *("timeout", "connection_failed", "connection_lost", "name_not_found", "tls_failed", "host_busy"),
        # These depend on settings and on the rules of the server, and cost almost nothing to try again.
        *("refused_address", "refused_robots"),
        *("http_401", "http_403", "http_407", "http_408", "http_425", "http_429"),
    ]
)

_FAULTS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((UrllibTimeoutError, TimeoutError), "timeout", True),
    ((SSLError,), "tls_failed", False),
    ((LocationValueError, UnicodeError), "bad_url", False),
    ((DecodeError,), "bad_encoding", False),
    ((ProtocolError,), "connection_lost", True),
    ((ProxyError, HTTPError, OSError), "connection_failed", True),
    ((ValueError,), "bad_url", False),
)
"""Exceptions, their outcome, and whether another attempt may help; the most specific come first."""


class FetchError(Exception):
    """An address could not be fetched.

    Attributes:
        outcome: The reason as one word, as in the manifest.
        transient: Trying again soon may help.
        retry_after_s: How long the server asks to wait.
    """

    def __init__(
        self, outcome: str, detail: str, *, transient: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.transient = transient
        self.retry_after_s = retry_after_s


class StoppedError(Exception):
    """The collection was stopped."""


def fetch_error_of(error: Exception) -> FetchError:
    """Return the FetchError for an exception of urllib3 or of a socket."""
    if isinstance(error, FetchError):
        return error
    for types, outcome, transient in _FAULTS:
        if isinstance(error, types):
            return FetchError(outcome, str(error) or type(error).__name__, transient=transient)
    raise error


def is_transient(outcome: str) -> bool:
    """Return whether a later run may get another outcome."""
    return outcome in _TRANSIENT or outcome.startswith("http_5")
