"""`GET /` and `GET /web/NAME`: the web page and its files."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, request

from edgecls.server.endpoints.operations import operation, parameter

__all__ = ["PATHS", "SCHEMAS", "TEACHING_PATHS", "mount_page"]

WEB_FOLDER = Path(__file__).parents[2] / "web"
MIME_TYPES = {
    ".css": "text/css; charset=UTF-8",
    ".html": "text/html; charset=UTF-8",
    ".js": "text/javascript; charset=UTF-8",
    ".svg": "image/svg+xml",
}
"""By file name ending; what a system takes for a script may differ, and browsers would not run it then."""


def mount_page(app: Bottle, *, teaches: bool = False) -> None:
    """Add the page to an application, with what models are taught with where that is wanted."""

    def page() -> HTTPResponse:
        return _file("index.html")

    def part(name: str) -> HTTPResponse:
        return _file(name)

    app.route("/", "GET", page)
    app.route("/web/<name>", "GET", part)
    if teaches:
        app.route("/web/teach/<name>", "GET", lambda name: _file(name, WEB_FOLDER / "teach"))


def _file(name: str, folder: Path = WEB_FOLDER) -> HTTPResponse:
    file = folder / name
    if file.parent != folder or not os.path.isfile(file):
        return HTTPError(404)
    content = file.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    # Browsers ask each time whether a file has changed: parts of two versions would not fit together.
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Accept-Ranges": "bytes"}
    if _is_among(tag, request.get_header("If-None-Match", "")):
        return HTTPResponse(status=304, **headers)
    headers["Content-Type"] = MIME_TYPES.get(file.suffix, "application/octet-stream")
    asked = request.get_header("Range", "") if request.get_header("If-Range", tag) == tag else ""
    wanted = None if request.method == "HEAD" else _wanted(asked, len(content))
    if wanted is None:
        return HTTPResponse(content, **headers)
    first, last = wanted
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return HTTPResponse(content[first : last + 1], status=206, **headers)


_RANGE = re.compile(r"bytes=\s*(?=[0-9-]*[0-9])([0-9]{0,18})-([0-9]{0,18})\s*")


def _wanted(asked: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte of a Range field; None for the whole file.

    Several ranges are answered with the whole, as are invalid ones (RFC 9110, 14.2).

    Raises:
        HTTPError: The file has none of the bytes (416).
    """
    found = _RANGE.fullmatch(asked)
    if found is None:
        return None
    if found[1]:
        first, last = int(found[1]), int(found[2] or size)
    else:
        first, last = max(0, size - int(found[2])), size
    if last < first and found[1] and found[2]:
        return None
    if first >= size:
        raise HTTPError(
            416, f"the file has {size} bytes; request a range within them", **{"Content-Range": f"bytes */{size}"}
        )
    return first, min(last, size - 1)


def _is_among(tag: str, listed: str) -> bool:
    """True if a field If-None-Match has this tag, weak or not, or means any."""
    return listed.strip() == "*" or tag in re.findall(r'"[^"]*"', listed)


_FILE = {"schema": {"type": "string"}}
_NOT_MODIFIED = {"description": "Not changed since the date in If-Modified-Since."}
_CONDITIONS = [
    parameter("If-Modified-Since", "header", "A date.", {"type": "string"}, required=False),
    parameter("Range", "header", "A part of the file.", {"type": "string"}, required=False),
]


def _static_operation(summary: str, media_types: list[str], **more: Any) -> dict[str, Any]:
    content = dict.fromkeys(media_types, _FILE)
    described = operation(summary, group="page", success=content, **more)
    described["responses"]["206"] = {"description": "The part of the file in Range.", "content": content}
    described["responses"]["304"] = _NOT_MODIFIED
    return described


PATHS: dict[str, Any] = {
    "/": {"get": _static_operation("The page", ["text/html"], failures=(416,), parameters=_CONDITIONS)},
    "/web/{name}": {
        "get": _static_operation(
            "A part of the page",
            ["text/css", "text/javascript", "image/svg+xml"],
            failures=(404, 416),
            parameters=[
                parameter("name", "path", "Name of the part.", {"type": "string"}, required=True),
                *_CONDITIONS,
            ],
        )
    },
}

TEACHING_PATHS: dict[str, Any] = {
    "/web/teach/{name}": {
        "get": _static_operation(
            "A part of the page for teaching",
            ["text/css", "text/html", "text/javascript"],
            failures=(404, 416),
            parameters=[
                parameter("name", "path", "Name of the part.", {"type": "string"}, required=True),
                *_CONDITIONS,
            ],
        )
    },
}
"""Where models are taught in the page."""

SCHEMAS: dict[str, Any] = {}
