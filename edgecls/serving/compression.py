"""Bodies that are compressed on the wire."""

import gzip
import re
import zlib

from bottle import HTTPResponse

from edgecls.serving.http.answer import Refusal

__all__ = ["compress_answer", "decompress"]

MIN_BYTES = 1024  # below this a packet is a packet, compressed or not
LEVEL = 1  # numbers and labels: higher levels cost several times the time for a few percent
_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def decompress(body: bytes, coding: str, *, max_bytes: int) -> bytes:
    """Undo the Content-Encoding of a request.

    Args:
        body: As it arrived.
        coding: The header field; "" for none.
        max_bytes: Largest body that comes out; no more than that is ever made.

    Raises:
        Refusal: An unknown coding (415), damaged data (400) or too much of it (413).
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in _WINDOW_BITS:
        raise Refusal(
            415, "UnsupportedEncoding", f"Content-Encoding {coding[:40]!r} is not supported; use gzip or deflate"
        )
    unpacker = zlib.decompressobj(_WINDOW_BITS[name])
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise Refusal(400, "BadRequest", f"the body is not valid {name}: {error}") from error
    if len(unpacked) > max_bytes:
        largest = f"{max_bytes / 2**20:.4g} MiB"
        raise Refusal(413, "BodyTooLarge", f"the body is larger than {largest} when unpacked; send less at once")
    if not unpacker.eof or unpacker.unused_data:
        raise Refusal(400, "BadRequest", f"the {name} body is cut short, or something follows it")
    return unpacked


def compress_answer(answer: HTTPResponse, accepted: str) -> HTTPResponse:
    """Compress the body of an answer if the client accepts that and it becomes smaller.

    Args:
        answer: With a body in bytes; it is changed.
        accepted: The header field Accept-Encoding of the request; "" for none.
    """
    answer.set_header("Vary", "Accept-Encoding")
    coding = _best_coding(accepted) if len(answer.body) >= MIN_BYTES else None
    if coding is not None:
        packed = gzip.compress(answer.body, LEVEL, mtime=0) if coding == "gzip" else zlib.compress(answer.body, LEVEL)
        if len(packed) < len(answer.body):
            answer.body = packed
            answer.set_header("Content-Encoding", coding)
    return answer


def _best_coding(accepted: str) -> str | None:
    """Return the coding that the client likes best; of equals, gzip."""
    likings = {}
    for item in accepted.lower().split(",")[:16]:
        found = re.fullmatch(r"\s*([a-z*-]+)\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", item)
        if found:
            likings[found[1]] = float(found[2] or 1)
    liking = {coding: likings.get(coding, likings.get("*", 0.0)) for coding in ("gzip", "deflate")}
    best = max(liking, key=liking.__getitem__)
    return best if liking[best] > 0 else None
