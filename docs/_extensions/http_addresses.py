"""The page about HTTP ends with all addresses of the server, from the OpenAPI document that it answers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sphinx.application import Sphinx

from edgecls.server.endpoints.openapi import openapi_document

_GROUPS = {
    "page": "The page",
    "health": "Health and status",
    "predict": "Classifying",
    "Open Inference Protocol": "The Open Inference Protocol, by address",
    "feedback": "Corrections, with `--feedback`",
    "teach": "Teaching, with `--teach`",
}


def _addresses() -> Iterator[str]:
    """Yield the paragraphs: a table of addresses and one of parameters for each group."""
    groups: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for path, methods in openapi_document(teaches=True)["paths"].items():
        if "{version}" not in path and not path.startswith("/web/"):
            for method, operation in methods.items():
                groups.setdefault(operation["tags"][0], []).append((f"{method.upper()} {path}", operation))
    for tag, operations in groups.items():
        yield f"### {_GROUPS.get(tag, tag)}"
        yield _table(("address", "what it does", "parameters", "answers"), (_row(*it) for it in operations))
        parameters = {
            (param["name"], param["in"]): param
            for _, operation in operations
            for param in operation.get("parameters", ())
        }
        if parameters:
            yield _table(("parameter", "in", "meaning"), map(_parameter, parameters.values()))


def _row(address: str, operation: dict[str, Any]) -> tuple[str, ...]:
    names = [f"`{param['name']}`" for param in operation.get("parameters", ()) if param["in"] != "path"]
    types = operation["responses"]["200"].get("content", {})
    return f"`{address}`", operation["summary"], ", ".join(names), ", ".join(f"`{it}`" for it in types)


def _parameter(param: dict[str, Any]) -> tuple[str, ...]:
    schema = param["schema"]
    allowed = f" One of {', '.join(f'`{it}`' for it in schema['enum'])}." if "enum" in schema else ""
    default = f" Default: `{schema['default']}`." if "default" in schema else ""
    return f"`{param['name']}`", param["in"], param.get("description", "") + allowed + default


def _table(head: tuple[str, ...], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _append(app: Sphinx, docname: str, source: list[str]) -> None:
    if docname == "reference/http":
        source[0] += "\n## All addresses\n\n" + "\n\n".join(_addresses()) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", _append)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
