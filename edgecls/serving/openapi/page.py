"""The page and its parts."""

from typing import Any

from edgecls.serving.openapi.operations import operation, parameter

__all__ = ["PATHS", "SCHEMAS"]

_FILE = {"schema": {"type": "string"}}
_NOT_MODIFIED = {"description": "Not changed since the date in If-Modified-Since."}
_CONDITIONS = [
    parameter("If-Modified-Since", "header", "A date.", {"type": "string"}, required=False),
    parameter("Range", "header", "A part of the file.", {"type": "string"}, required=False),
]


def _file(summary: str, media_types: list[str], **more: Any) -> dict[str, Any]:
    content = dict.fromkeys(media_types, _FILE)
    described = operation(summary, group="page", success=content, **more)
    described["responses"]["206"] = {"description": "The part of the file in Range.", "content": content}
    described["responses"]["304"] = _NOT_MODIFIED
    return described


PATHS: dict[str, Any] = {
    "/": {"get": _file("The page", ["text/html"], failures=(416,), parameters=_CONDITIONS)},
    "/web/{name}": {
        "get": _file(
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

SCHEMAS: dict[str, Any] = {}
