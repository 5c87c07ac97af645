"""API keys: who may ask."""

import hashlib
import hmac
import re
from pathlib import Path

from edgecls.errors import ServerError
from edgecls.serving.http.answer import Refusal
from edgecls.serving.http.request import Request

__all__ = ["ApiKeys"]

_OPEN = re.compile(r"/|/web/[A-Za-z0-9._-]+|/livez|/readyz|/v2/health/live|/v2/health/ready")
"""What needs no key: the page's own files, and the questions of load balancers. Only addresses that mean what they
say: one with percent signs might mean another after decoding."""


class ApiKeys:
    """The keys in a file: one a line, a name after it if there is one; lines that begin with # are comments.

    Only digests are kept in memory.

    Args:
        file: The file of keys.

    Raises:
        ServerError: It cannot be read or has no key.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names = _read(file)

    def reload(self) -> None:
        """Take the keys that are in the file now.

        Raises:
            ServerError: As above; the keys stay as they were.
        """
        self._names = _read(self._file)

    def check(self, request: Request) -> Refusal | None:
        """Say why a request is refused; None if it has a valid key or needs none."""
        if _OPEN.fullmatch(request.path) or request.method == "OPTIONS" or self.name_of(request) is not None:
            return None
        return Refusal(
            401,
            "Unauthorized",
            "this needs an API key; send a valid one as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'",
            **{"WWW-Authenticate": 'Bearer realm="edgecls"'},
        )

    def name_of(self, request: Request) -> str | None:
        """Return the name of a request's key, which may be empty; None without a valid key."""
        scheme, _, token = request.header("authorization").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else request.header("x-api-key")
        if not given:
            return None
        digest = _digest(given.encode("latin-1"))
        found = None
        for known, name in self._names.items():  # all of them, so that the time tells nothing
            if hmac.compare_digest(known, digest):
                found = name
        return found


def _read(file: Path) -> dict[bytes, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(
            f"cannot read the API keys {str(file)!r}: {error}; give a text file, one key a line"
        ) from error
    names = {}
    for line in lines:
        key, _, name = line.strip().partition(" ")
        if key and not key.startswith("#"):
            names[_digest(key.encode())] = name.strip()
    if not names:
        raise ServerError(f"there is no API key in {str(file)!r}, so nobody could ask; write one a line")
    return names


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
