"""API keys: who may use the server."""

import codecs
import hashlib
import hmac
import re
from pathlib import Path

from edgecls.errors import ServerError
from edgecls.server.http.messages import Refusal, Request

__all__ = ["ApiKeys"]

_OPEN = re.compile(
    r"/|/web/(?:teach/)?[A-Za-z0-9._-]+|/livez|/readyz|/v2/health/live|/v2/health/ready"
    r"|/inference\.GRPCInferenceService/Server(Live|Ready)|/grpc\.health\.v1\.Health/(Check|Watch)"
)
"""What needs no key: the page's own files and the health checks of load balancers. Only literal addresses: one with
percent signs might be another after decoding."""


class ApiKeys:
    """The keys in a file: one per line, optionally followed by a name; lines that begin with # are comments.

    Spaces or tabs separate key and name. A byte order mark and line ends of any system do no harm; with such
    a mark the text may be UTF-16, as PowerShell writes it. Only digests are kept in memory.

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
        """Return why a request is refused; None if it has a valid key or needs none."""
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
        return self.name_of_fields(request.header("authorization"), request.header("x-api-key"))

    def name_of_fields(self, authorization: str, x_api_key: str) -> str | None:
        """Return what `name_of` does, by the header fields that may hold a key; "" for one that is not there."""
        scheme, _, token = authorization.partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else x_api_key
        if not given:
            return None
        digest = _digest(given.encode("latin-1"))
        found = None
        for known, name in self._names.items():  # all of them, so that the time taken reveals nothing
            if hmac.compare_digest(known, digest):
                found = name
        return found


def _read(file: Path) -> dict[bytes, str]:
    try:
        data = file.read_bytes()
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(
            f"cannot read the API keys {str(file)!r}: {error}; give a text file, one key per line"
        ) from error
    if "\0" in text:
        raise ServerError(f"the API keys {str(file)!r} are not plain text; save the file as UTF-8")
    names = {}
    for line in re.split("[\r\n]", text):
        key, *name = line.split(maxsplit=1)[:2] or [""]
        if key and not key.startswith("#"):
            names[_digest(key.encode())] = " ".join(name).strip()
    if not names:
        raise ServerError(f"there is no API key in {str(file)!r}, so nobody could use the server; write one per line")
    return names


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
