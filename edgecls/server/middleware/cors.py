"""Which pages of other sites may send requests (CORS)."""

import re
from collections.abc import Sequence

from edgecls.errors import ServerError
from edgecls.server.http.messages import Answer, Request

__all__ = ["Cors"]

_ANY = "*"
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")
_ALLOWED_HEADERS = (
    "Accept, Authorization, Content-Encoding, Content-Type, Inference-Header-Content-Length, X-API-Key, X-Request-Id"
)
_EXPOSED_HEADERS = "Inference-Header-Content-Length, Retry-After, X-Request-Id"
_PREFLIGHT_VALID_S = 600


class Cors:
    """Tells browsers which origins may read the answers; other clients ignore it.

    Args:
        origins: As in "https://example.org", or "*" for all.

    Raises:
        ServerError: One is not an origin.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        for origin in origins:
            if origin != _ANY and not _ORIGIN.fullmatch(origin):
                raise ServerError(
                    f"{origin!r} is not an origin; give scheme, host in lower case and port if it is not the usual "
                    "one, as in https://example.org or http://localhost:3000, or * for all"
                )
        self._origins = frozenset(origins)

    def preflight(self, request: Request) -> Answer | None:
        """Answer a browser's preflight request; None for all other requests."""
        asked = request.method == "OPTIONS" and request.header("access-control-request-method")
        if not asked or not self._allowed(request):
            return None
        return Answer(
            "204 No Content",
            [
                ("Access-Control-Allow-Methods", "GET, HEAD, POST"),
                ("Access-Control-Allow-Headers", _ALLOWED_HEADERS),
                ("Access-Control-Max-Age", str(_PREFLIGHT_VALID_S)),
            ],
        )

    def headers(self, request: Request) -> list[tuple[str, str]]:
        """Return the header fields for the answer to a request, whatever that is."""
        fields = [] if _ANY in self._origins else [("Vary", "Origin")]  # otherwise caches would mix up the origins
        if allowed := self._allowed(request):
            fields += [
                ("Access-Control-Allow-Origin", allowed),
                ("Access-Control-Expose-Headers", _EXPOSED_HEADERS),
            ]
        return fields

    def _allowed(self, request: Request) -> str:
        """Return what the answer names as allowed; empty for nothing."""
        if _ANY in self._origins:
            return _ANY
        origin = request.header("origin")
        return origin if origin in self._origins else ""
