"""Building blocks of the OpenAPI document."""

from collections.abc import Iterable
from typing import Any

__all__ = ["JSON", "array", "json_content", "objects", "operation", "parameter", "ref"]

JSON = "application/json"

_FAILURES = {
    400: "The request is not valid.",
    401: "An API key is needed, if the server requires one.",
    403: "This is off, or not for other sites.",
    404: "There is no such thing.",
    409: "Something else is going on, or there is nothing to do it with.",
    408: "The request took too long to arrive.",
    413: "A body, image or number of files above the limits.",
    415: "The body is not an image in a supported format, or has an unsupported Content-Encoding.",
    416: "The Range is outside of the file.",
    421: "The server does not answer to the name in the Host field.",
    422: "The image is damaged.",
    431: "The head of the request is too large.",
    500: "The server failed.",
    501: "A part of the protocol that the server does not have.",
    503: "Not ready, or too busy; Retry-After says when to try again.",
    504: "There was no answer in time.",
    507: "The folder of corrections, or the one that is taught in, is full.",
}
_EVERYWHERE = (400, 401, 408, 413, 421, 431, 500, 503, 504)


def operation(
    summary: str,
    *,
    group: str,
    success: dict[str, Any],
    failures: Iterable[int] = (),
    error: str = "Error",
    parameters: Iterable[dict[str, Any]] = (),
    body: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Describe what a method does at an address.

    Args:
        summary: In a few words.
        group: Name of the group it belongs to.
        success: Content of the answer with status 200, by media type.
        failures: Statuses of failures, in addition to those that are possible everywhere.
        error: Name of the schema of failures.
        parameters: In path, query and header fields.
        body: Description of the body of requests.
        more: Other fields of the operation.
    """
    content = json_content(ref(error))
    statuses = sorted({*_EVERYWHERE, *failures})
    described: dict[str, Any] = {
        "summary": summary,
        "tags": [group],
        "responses": {
            "200": {"description": "Done.", "content": success},
            **{str(status): {"description": _FAILURES[status], "content": content} for status in statuses},
        },
        **more,
    }
    if parameters:
        described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = body
    return described


def parameter(name: str, place: str, description: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """Describe a parameter; `place` is "path", "query" or "header"."""
    return {"name": name, "in": place, "description": description, "required": required, "schema": schema}


def ref(schema: str) -> dict[str, Any]:
    """Refer to a schema of the document by name."""
    return {"$ref": f"#/components/schemas/{schema}"}


def json_content(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a JSON body."""
    return {JSON: {"schema": schema}}


def array(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def objects(properties: dict[str, Any], *, optional: Iterable[str] = ()) -> dict[str, Any]:
    """Return the schema of an object whose properties are required except for the optional ones."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in set(optional)],
    }
