"""The session that makes every request of a collection: polite, bounded, to public addresses only."""

import random
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urljoin

import certifi
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError
from urllib3.util import Retry, Timeout, Url, parse_url

from edgecls import __version__
from edgecls.dataset.collect.connections import (
    POOL_CLASSES,
    PUBLIC_ONLY,
    AddressPolicy,
    Exchange,
    exchange_of_this_thread,
)
from edgecls.dataset.collect.outcomes import FetchError, StoppedError, fetch_error_of
from edgecls.dataset.collect.pace import Pace
from edgecls.errors import DatasetError

__all__ = ["Fetched", "GuardedSession", "SessionSettings"]

MAX_REDIRECTS = 5
CHUNK_BYTES = 64 * 1024
REDIRECTS = frozenset([301, 302, 303, 307, 308])


@dataclass(frozen=True)
class SessionSettings:
    """Limits of requests, for the sake of servers and of this machine.

    Attributes:
        addresses: Which addresses may be connected to.
        requests_per_s: Largest number of requests per second to one host.
        deadline_s: Time for one attempt at an address, including redirects but not the wait for its turn.
        silence_s: Time to connect, and between two chunks of a response.
        retries: Further attempts after a transient failure.
        back_off_s: Pause before the first further attempt; each one after that waits twice as long.
        max_wait_s: Longest pause between attempts; a host that asks for more is given up for this run.
        proxy: URL of an HTTP proxy. It then makes the connections, so `addresses` guards only the one to it.
        contact: How to reach the user, for the User-Agent.

    Raises:
        DatasetError: A value is outside its limits.
    """

    addresses: AddressPolicy = PUBLIC_ONLY
    requests_per_s: float = 2.0
    deadline_s: float = 60.0
    silence_s: float = 15.0
    retries: int = 3
    back_off_s: float = 1.0
    max_wait_s: float = 60.0
    proxy: str | None = None
    contact: str | None = None

    def __post_init__(self) -> None:
        for name in ("requests_per_s", "deadline_s", "silence_s", "back_off_s", "max_wait_s"):
            if not 0 < getattr(self, name) < float("inf"):
                raise DatasetError(f"{name} must be a number above 0, got {getattr(self, name)}")
        if self.retries < 0:
            raise DatasetError(f"retries must be 0 or more, got {self.retries}")
        if self.contact is not None and not (self.contact.isascii() and self.contact.isprintable()):
            raise DatasetError(f"the contact must be plain ASCII text on one line, got {self.contact!r}")
        if self.proxy is not None and not self.proxy.lower().startswith(("http://", "https://")):
            raise DatasetError(f"the proxy must be an http:// or https:// address, got {self.proxy!r}")

    @property
    def user_agent(self) -> str:
        """The User-Agent header."""
        contact = f"; {self.contact}" if self.contact else ""
        return f"Mozilla/5.0 (compatible; edgecls/{__version__}; image collector{contact})"


@dataclass(frozen=True)
class Fetched:
    """A response; icrawler's parsers read it like one of the requests package.

    Attributes:
        url: Its address after redirects.
        content: Its body, decoded.
        content_type: The Content-Type header.
    """

    url: str
    content: bytes
    content_type: str = ""


class GuardedSession:
    """Fetches from the web: politely, within limits, from public addresses only.

    Only http and https. Each name is looked up once, all its addresses are checked, and the connection
    goes to one of them; the same again for each redirect. Nothing is taken from the environment: no proxy, no
    password file. No cookies, no reused connections.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self.settings = settings
        self._stopped = threading.Event()
        self._pace = Pace(1 / settings.requests_per_s, max_hold_s=settings.max_wait_s, pause=self._stopped.wait)
        self._live: set[Exchange] = set()
        self._lock = threading.Lock()
        self._tls = ssl.create_default_context()
        self._tls.load_verify_locations(certifi.where())

    def stop(self) -> None:
        """End all requests, from any thread; callers of `fetch` get a StoppedError."""
        self._stopped.set()
        with self._lock:
            live = list(self._live)
        for exchange in live:
            exchange.cut()

    def slow_down(self, url: str, interval_s: float) -> None:
        """Request from the host of an address at most once per interval, capped at the longest wait."""
        self._pace.slow_down(_checked(url).netloc or "", min(interval_s, self.settings.max_wait_s))

    def fetch(self, url: str, *, max_bytes: int, referer: str | None = None) -> Fetched:
        """Fetch an address, with further attempts after transient failures.

        Args:
            url: An http or https address, in any script.
            max_bytes: Largest body, after decompression.
            referer: The page that contains the address.

        Raises:
            FetchError: It cannot be fetched, with the reason.
            StoppedError: The collection was stopped.
        """
        attempt = 0
        while True:
            try:
                return self._fetch_once(url, max_bytes, referer)
            except FetchError as error:
                pause_s = self._pause_before_next(error, attempt)
                if pause_s is None:
                    raise
            if self._stopped.wait(pause_s):
                raise StoppedError
            attempt += 1

    def _pause_before_next(self, error: FetchError, attempt: int) -> float | None:
        settings = self.settings
        if not error.transient or attempt >= settings.retries:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= settings.max_wait_s else None
        # Jitter, so that attempts that failed together are not repeated together.
        pause_s: float = settings.back_off_s * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311
        return min(pause_s, settings.max_wait_s)

    def _fetch_once(self, url: str, max_bytes: int, referer: str | None) -> Fetched:
        left_s = self.settings.deadline_s
        for _ in range(MAX_REDIRECTS + 1):
            target = _checked(url)
            self._pace.wait(target.netloc or "")
            started = time.monotonic()
            answer = self._exchange(target, max_bytes, referer, left_s)
            if isinstance(answer, Fetched):
                return answer
            url = urljoin(target.url, answer)
            left_s -= time.monotonic() - started
        raise FetchError("too_many_redirects", f"more than {MAX_REDIRECTS} redirects")

    def _exchange(self, target: Url, max_bytes: int, referer: str | None, left_s: float) -> Fetched | str:
        """Send one request; return the response, or the address that it redirects to."""
        exchange = Exchange(self.settings.addresses)
        with self._lock:
            self._live.add(exchange)
        # Socket timeouts restart with every byte; this one does not.
        deadline = threading.Timer(max(0, left_s), exchange.cut)
        deadline.daemon = True
        deadline.start()
        try:
            with exchange_of_this_thread(exchange):
                answer = self._request(target, max_bytes, referer)
            fault = None
        except (FetchError, HTTPError, OSError, ValueError) as error:
            fault = fetch_error_of(error)
        finally:
            deadline.cancel()
            with self._lock:
                self._live.discard(exchange)
        if self._stopped.is_set():
            raise StoppedError
        if exchange.is_cut:  # a cut looks like the end of the response, or like any other fault
            raise FetchError("timeout", f"not done within {self.settings.deadline_s:g} s", transient=True)
        if fault:
            raise fault
        return answer

    def _request(self, target: Url, max_bytes: int, referer: str | None) -> Fetched | str:
        silence_s = self.settings.silence_s
        headers = {
            "User-Agent": self.settings.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            "Accept-Language": "en,zh;q=0.9,*;q=0.5",
            "Connection": "close",
            **({"Referer": referer} if referer else {}),
        }
        with self._manager() as manager:
            response = manager.request(
                "GET",
                target.url,
                headers=headers,
                redirect=False,
                retries=False,
                timeout=Timeout(connect=silence_s, read=silence_s),
                preload_content=False,
            )
            try:
                location = response.headers.get("Location")
                if response.status in REDIRECTS and location:
                    return location.encode("latin-1", "replace").decode("utf-8", "replace")
                self._check_status(response, target)
                content = _read(response, max_bytes)
            finally:
                response.close()
        return Fetched(target.url, content, response.headers.get("Content-Type", ""))

    def _manager(self) -> urllib3.PoolManager:
        proxy = self.settings.proxy
        manager = (
            urllib3.ProxyManager(proxy, proxy_ssl_context=self._tls, ssl_context=self._tls)
            if proxy
            else urllib3.PoolManager(ssl_context=self._tls)
        )
        manager.pool_classes_by_scheme = POOL_CLASSES
        return manager

    def _check_status(self, response: urllib3.BaseHTTPResponse, target: Url) -> None:
        status = response.status
        if status == 200:
            return
        retry_after_s = None
        if status in (429, 503):
            retry_after_s = _seconds(response.headers.get("Retry-After"))
            if retry_after_s is not None:
                self._pace.hold(target.netloc or "", retry_after_s)
        transient = status in (408, 425, 429) or status >= 500
        raise FetchError(
            f"http_{status}", f"the server answered {status}", transient=transient, retry_after_s=retry_after_s
        )


def _checked(url: str) -> Url:
    try:
        target = parse_url(url.strip().partition("#")[0])
    except LocationParseError as error:
        raise FetchError("bad_url", f"{url!r} is not an address") from error
    if target.scheme not in ("http", "https"):
        raise FetchError("refused_scheme", f"{url!r} is not an http or https address")
    if not target.host:
        raise FetchError("bad_url", f"{url!r} has no host")
    return target._replace(auth=None)


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in response.stream(CHUNK_BYTES, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise FetchError("too_large", f"more than {max_bytes / 2**20:.4g} MiB")
    return bytes(body)


def _seconds(retry_after: str | None) -> float | None:
    if retry_after is None:
        return None
    try:
        return max(0.0, Retry(0).parse_retry_after(retry_after))
    except InvalidHeader:
        return None
