"""What went wrong on the network, in the manifest's words."""

from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationValueError,
    ProtocolError,
    ProxyError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as UrllibTimeoutError

from edgecls.dataset.collect.outcomes import FetchError

__all__ = ["fetch_error_of"]

_FAULTS: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((UrllibTimeoutError, TimeoutError), "timeout", True),
    ((SSLError,), "tls_failed", False),
    ((LocationValueError, UnicodeError), "bad_url", False),
    ((DecodeError,), "bad_encoding", False),
    ((ProtocolError,), "connection_lost", True),
    ((ProxyError, HTTPError, OSError), "connection_failed", True),
    ((ValueError,), "bad_url", False),
)
"""Exceptions, the outcome they mean, and whether another attempt may help; the most specific come first."""


def fetch_error_of(error: Exception) -> FetchError:
    """Return the FetchError that says what an exception of urllib3 or of a socket means."""
    if isinstance(error, FetchError):
        return error
    for types, outcome, transient in _FAULTS:
        if isinstance(error, types):
            return FetchError(outcome, str(error) or type(error).__name__, transient=transient)
    raise error
