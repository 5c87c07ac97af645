"""Bodies of requests: read once, into memory, within bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import multipart

from edgecls.serving.http.answer import Refusal

__all__ = ["Upload", "read_body", "read_body_if_any", "read_uploads"]

MAX_PART_HEADERS = 8


@dataclass(frozen=True)
class Upload:
    """One file of a request: its name, as the client gave it, and its bytes."""

    name: str
    data: bytes


def read_body(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Read the body of a request that brings pictures.

    Raises:
        Refusal: It is empty or shorter than announced (400), or longer than allowed (413).
    """
    body = read_body_if_any(environ, max_bytes=max_bytes)
    if not body:
        raise Refusal(
            400, "BadRequest", "the body is empty; send the bytes of a picture, or multipart/form-data with files"
        )
    return body


def read_body_if_any(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Read the body of a request, which may be empty.

    Raises:
        Refusal: It is shorter than announced (400), or longer than allowed (413).
    """
    announced = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", announced):
        raise Refusal(400, "BadRequest", f"Content-Length must be a number, got {announced[:20]!r}")
    if int(announced) > max_bytes:
        raise Refusal(413, "BodyTooLarge", f"the body is larger than {max_bytes / 2**20:.4g} MiB; send less at once")
    body: bytes = environ["wsgi.input"].read(int(announced))
    if len(body) < int(announced):
        raise Refusal(400, "BadRequest", "the body ended before its announced length; send it again")
    return body


def read_uploads(body: bytes, content_type: str, *, max_files: int) -> list[Upload]:
    """Take the files out of a multipart/form-data body; other fields are passed over.

    Raises:
        Refusal: The body is not valid multipart (400), has no file (400) or too many (413).
    """
    _, options = multipart.parse_options_header(content_type)
    uploads: list[Upload] = []
    name: str | None = None
    pieces: list[bytes] = []
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
                    name = event.filename
                elif name is not None:
                    pieces.append(event)
    except multipart.MultipartError as error:
        raise Refusal(400, "BadRequest", f"the body is not valid multipart/form-data: {error}") from error
    if not uploads:
        raise Refusal(400, "BadRequest", "the form has no file; send one as in: curl -F file=@picture.jpg")
    return uploads
