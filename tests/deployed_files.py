"""The files in deploy/, and what a misspelt field in one of them looks like."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parent.parent / "deploy"
SCHEMAS = Path(__file__).parent / "schemas"


def documents(name: str) -> list[Any]:
    """Return the documents in a file of deploy/, YAML or JSON."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return [json.loads(text)] if name.endswith(".json") else list(yaml.safe_load_all(text))


def misspelt(document: Any, free: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Yield a document with one key misspelt, and which, for each key in it.

    Args:
        document: As it should be; left as it is.
        free: Keys below which names are free, as those of labels.
    """
    for path in _paths(document, free):
        changed = copy.deepcopy(document)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[f"{path[-1]}x"] = place.pop(path[-1])
        yield ".".join(map(str, path)), changed


def _paths(node: Any, free: frozenset[str], before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        named_freely = bool(before) and before[-1] in free
        for key, value in node.items():
            if not named_freely:
                yield (*before, key)
            yield from _paths(value, free, (*before, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _paths(value, free, (*before, index))
