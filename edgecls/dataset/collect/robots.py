"""What the robots.txt of a host allows (RFC 9309)."""

import threading
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from edgecls.dataset.collect.guarded_session import GuardedSession
from edgecls.dataset.collect.outcomes import FetchError

__all__ = ["Robots"]

NAME = "edgecls"
MAX_BYTES = 2**20


class Robots:
    """Reads the robots.txt of each host once; may be used by several threads.

    A host without one allows everything; one whose robots.txt cannot be fetched allows nothing. A crawl delay
    applies to all further requests to the host.

    Args:
        session: Makes the requests.
    """

    def __init__(self, session: GuardedSession) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._rules: dict[str, RobotFileParser | FetchError] = {}

    def check(self, url: str) -> None:
        """Check that an address may be fetched.

        Raises:
            FetchError: It may not, or its robots.txt cannot be read.
            StoppedError: The collection was stopped.
        """
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            if origin not in self._rules:
                self._rules[origin] = self._read(origin)
            rules = self._rules[origin]
        if isinstance(rules, FetchError):
            raise FetchError("refused_robots", f"{origin}/robots.txt cannot be read: {rules}")
        if not rules.can_fetch(NAME, url):
            raise FetchError("refused_robots", f"{origin}/robots.txt does not allow it")

    def _read(self, origin: str) -> RobotFileParser | FetchError:
        rules = RobotFileParser()
        try:
            text = self._session.fetch(f"{origin}/robots.txt", max_bytes=MAX_BYTES).content
        except FetchError as error:
            if not error.outcome.startswith("http_4") or error.outcome == "http_429":
                return error
            text = b""
        rules.parse(text.decode("utf-8", "replace").splitlines())
        delay = rules.crawl_delay(NAME)
        if delay is not None:
            self._session.slow_down(origin, float(delay))
        return rules
