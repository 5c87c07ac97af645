"""Bodies of requests: read once, into memory, within bounds."""

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import multipart
from bottle import HTTPResponse

from edgecls.server.http.messages import Refusal

__all__ = ["Upload", "compress_answer", "decompress", "read_body", "read_body_if_any", "read_uploads"]

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


MAX_PART_HEADERS = 8
MAX_FIELDS = 100  # parts of a form that are no files
MAX_FIELD_BYTES = 64 * 2**10  # in all of them together
CHARSETS = ("utf-8", "iso-8859-1")  # of names in the form of RFC 8187, which wants the first and allows the second


@dataclass(frozen=True)
class Upload:
    """One file of a request: its name, as the client gave it, and its bytes."""

    name: str
    data: bytes


def read_body(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Read the body of a request that brings images, unpacked if its Content-Encoding says that it is packed.

    Raises:
        Refusal: It is empty, damaged or shorter than announced (400), longer than allowed, also when unpacked (413), or
            packed in a way that is not known (415).
    """
    body = read_body_if_any(environ, max_bytes=max_bytes)
    if not body:
        raise Refusal(
            400, "BadRequest", "the body is empty; send the bytes of an image, or multipart/form-data with files"
        )
    return body


def read_body_if_any(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Read the body of a request, which may be empty, unpacked if its Content-Encoding says that it is packed.

    Raises:
        Refusal: As above, except for an empty one.
    """
    announced = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", announced):
        raise Refusal(400, "BadRequest", f"Content-Length must be a number, got {announced[:20]!r}")
    if int(announced) > max_bytes:
        raise Refusal(413, "BodyTooLarge", f"the body is larger than {max_bytes / 2**20:.4g} MiB; send less at once")
    body: bytes = environ["wsgi.input"].read(int(announced))
    if len(body) < int(announced):
        raise Refusal(400, "BadRequest", "the body ended before its announced length; send it again")
    return decompress(body, environ.get("HTTP_CONTENT_ENCODING", ""), max_bytes=max_bytes) if body else body


def read_uploads(body: bytes, content_type: str, *, max_files: int) -> list[Upload]:
    """Take the files out of a multipart/form-data body; other fields are ignored.

    Raises:
        Refusal: The body is not valid multipart (400), has no file (400), or too many files or other fields (413).
    """
    _, options = multipart.parse_options_header(content_type)
    uploads: list[Upload] = []
    name: str | None = None
    pieces: list[bytes] = []
    fields = field_bytes = 0
    try:
        parser = multipart.PushMultipartParser(
            options.get("boundary", ""), content_length=len(body), max_header_count=MAX_PART_HEADERS
        )
        with parser:
            for event in parser.parse(body):
                if event is None:
                    if name is not None:
                        uploads.append(Upload(name, b"".join(pieces)))
                    name, pieces = None, []
                    if len(uploads) > max_files:
                        raise Refusal(
                            413, "TooManyFiles", f"at most {max_files} files in one request; send the rest in another"
                        )
                elif isinstance(event, multipart.MultipartSegment):
                    name = _file_name(event)
                    fields += name is None
                elif name is not None:
                    pieces.append(event)
                else:
                    field_bytes += len(event)
                if fields > MAX_FIELDS or field_bytes > MAX_FIELD_BYTES:
                    raise Refusal(
                        413,
                        "TooManyFields",
                        f"a form may have {MAX_FIELDS} fields in addition to its files, of {MAX_FIELD_BYTES // 1024} "
                        "KiB in all; a file needs a file name, as in: curl -F file=@image.jpg",
                    )
    except multipart.MultipartError as error:
        raise Refusal(400, "BadRequest", f"the body is not valid multipart/form-data: {error}") from error
    if not uploads:
        raise Refusal(400, "BadRequest", "the form has no file; send one as in: curl -F file=@image.jpg")
    return uploads


def _file_name(part: multipart.MultipartSegment) -> str | None:
    """Return the name of a file, None for a field that is no file.

    Some clients give names beyond ASCII in the form of RFC 8187 (formerly 5987), as ``filename*=UTF-8''%E7%8E%AB.jpg``.
    Forms should not have it (RFC 7578), but where it is there, it is the better name.
    """
    plain: str | None = part.filename
    for key, value in _PARAMETER.findall(part.header("Content-Disposition", "")):
        if key.lower() == "filename*":
            return _decoded_name(value.strip('"'), plain)
    return plain


_PARAMETER = re.compile(r'; *([A-Za-z0-9_*-]+) *= *("(?:\\.|[^\\"])*"|[^;"]*)')


def _decoded_name(value: str, otherwise: str | None) -> str:
    """Return what a name in the form of RFC 8187 stands for; if it cannot be decoded, the other name or the text."""
    charset, _, encoded = value.strip().partition("'")
    _, has_language, encoded = encoded.partition("'")
    if has_language and charset.lower() in CHARSETS:
        try:
            return unquote(encoded, charset, "strict")
        except UnicodeDecodeError:
            pass
    return unquote(encoded if has_language else value.strip()) if otherwise is None else otherwise
