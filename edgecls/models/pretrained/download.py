"""Downloads of Keras that fail within seconds where there is no network, and not at all by waiting."""

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.parse import urlsplit

__all__ = ["OFFLINE", "bounded_downloads"]

OFFLINE = "EDGECLS_OFFLINE"
"""Environment variable: with any value but 0, nothing is downloaded."""

CONNECT_S = 5.0  # all of name resolution and connection
STALL_S = 20.0  # without a byte


@contextmanager
def bounded_downloads() -> Iterator[list[str]]:
    """Let every download by urllib inside fail at once if its server cannot be reached, and when it stalls.

    A file that is in a cache already needs none, and is not affected.

    Yields:
        The reasons why servers could not be reached, as they come.
    """
    failures: list[str] = []
    before = getattr(urllib.request, "_opener", None)
    urllib.request.install_opener(urllib.request.build_opener(_ReachableFirst(failures)))
    try:
        yield failures
    finally:
        urllib.request.install_opener(before)  # None: urllib makes a new one when it needs it


class _ReachableFirst(urllib.request.BaseHandler):
    """Tries to connect before the request is sent: urllib would wait for minutes, on one address after another."""

    def __init__(self, failures: list[str]) -> None:
        self._failures = failures

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        reason = _why_unreachable(request)
        if reason:
            self._failures.append(reason)
            raise URLError(reason)
        request.timeout = STALL_S
        return request

    https_request = http_request


def _why_unreachable(request: urllib.request.Request) -> str:
    """Return why the server of a request, or the proxy on the way to it, cannot be reached; empty if it can."""
    if os.environ.get(OFFLINE, "0") not in ("", "0"):
        return f"{OFFLINE} forbids downloads"
    url = urlsplit(request.full_url)
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(url.hostname or ""):
        url = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    host, port = url.hostname or "", url.port or (80 if url.scheme == "http" else 443)
    outcome: list[str] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=CONNECT_S).close()
        except OSError as error:
            outcome.append(f"cannot reach {host}: {error.strerror or error}")
        else:
            outcome.append("")

    attempt = threading.Thread(target=connect, daemon=True, name="edgecls-download-check")
    attempt.start()
    attempt.join(CONNECT_S)
    return outcome[0] if outcome else f"{host} does not answer within {CONNECT_S:g} seconds"
