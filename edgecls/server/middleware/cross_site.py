"""Requests that change something come from the server's own page, from sites that are named, or from no browser.

A browser sends a page's request to whatever server that page likes, with the rights of its user. It says
where the request comes from: with Sec-Fetch-Site, but to servers over HTTPS or on the same machine only; with Origin
always, if the request is no GET; and some old ones with Referer alone. A page can write none of these itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bottle import HTTPResponse, Route, request

from edgecls.server.http.messages import Refusal
from edgecls.server.middleware.hosts import read_authority

__all__ = ["CrossSiteGuard"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_TOLD = 100  # characters of an origin that an answer repeats


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class CrossSiteGuard:
    """A Bottle plugin around every route that is not for reading: it refuses requests of other sites' pages (403).

    Routes for a method other than GET are taken to change something unless they are made with ``reads_only=True``.

    Args:
        origins: Other sites whose pages may change something, as in "https://example.org". "*" names none here:
            letting all pages read answers does not mean that any page may change what the server does.
        https: Whether the server itself speaks HTTPS.
    """

    api = 2
    name = "cross-site-guard"

    def __init__(self, origins: Sequence[str] = (), *, https: bool = False) -> None:
        self._trusted = {origin for origin in map(_origin, origins) if origin is not None}
        self._https = https

    def apply(self, callback: Callable[..., HTTPResponse], route: Route) -> Callable[..., HTTPResponse]:
        """Return the callback of a route, guarded if need be."""
        if route.method in _SAFE_METHODS or route.config.get("reads_only"):
            return callback

        def guarded(*args: Any, **kwargs: Any) -> HTTPResponse:
            self.check(request.environ)
            return callback(*args, **kwargs)

        return guarded

    def check(self, environ: Mapping[str, Any]) -> None:
        """Return if a request may change something.

        Args:
            environ: Of WSGI.

        Raises:
            Refusal: It comes from a page of another site (403).
        """
        site = environ.get("HTTP_SEC_FETCH_SITE")
        if site == "same-origin":  # the browser has compared, and knows the server's name as the page does
            return
        source = environ.get("HTTP_ORIGIN", environ.get("HTTP_REFERER"))
        if source is None and site in (None, "none"):
            return
        origin = None if source is None else _origin(source, whole="HTTP_ORIGIN" in environ)
        if origin is not None and (
            origin in self._trusted or (site in (None, "none") and origin == self._own(environ))
        ):
            return
        named = "another site" if source is None else repr(source[:LONGEST_TOLD])
        raise Refusal(
            403,
            "CrossSite",
            f"this request changes something and comes from a page of {named}; only the server's own page may send "
            "it, and pages of sites named with --cors-origin when the server starts",
        )

    def _own(self, environ: Mapping[str, Any]) -> _Origin | None:
        scheme = "https" if self._https else environ["wsgi.url_scheme"]
        return _origin(f"{scheme}://{environ.get('HTTP_HOST', '')}")


def _origin(text: str, *, whole: bool = True) -> _Origin | None:
    """Return the origin in a text: all of it, or without `whole` its beginning; None if there is none."""
    found = _URL.fullmatch(text) if whole else _URL.match(text)
    authority = None if found is None else read_authority(found["authority"])
    if found is None or authority is None:
        return None
    scheme = found["scheme"].lower()
    return _Origin(scheme, authority.host, _DEFAULT_PORTS[scheme] if authority.port is None else authority.port)
