"""Figures that documents quote: each says where it comes from, in a comment that nobody sees.

`<!--= int8.network.times_as_fast.value | .1f -->2.2<!--/-->` is the value at that path in benchmarks/results/int8.json,
in Python's format; of a list, the median. A path may count from 0 (`rows.0.pss_mb`), and a figure may be the ratio of
two (`a.b / a.c`).
"""

import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from measure import REPOSITORY, RESULTS

from report.document import DOCUMENT

__all__ = ["QUOTE", "quoting_documents", "with_quotes"]

QUOTE = re.compile(r"<!--= (?P<source>[^|]+?) \| (?P<format>[^ ]+) -->(?P<shown>.*?)<!--/-->", re.DOTALL)


def quoting_documents() -> Iterator[Path]:
    """Yield the documents that quote figures."""
    for path in [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("*.md"))]:
        if path != DOCUMENT and QUOTE.search(path.read_text(encoding="utf-8")):
            yield path


def with_quotes(text: str) -> str:
    """Return a document with the figures of today.

    Raises:
        LookupError: A figure's source is not there.
    """
    return QUOTE.sub(lambda quote: quote[0][: quote.start("shown") - quote.start()] + _shown(quote) + "<!--/-->", text)


def _shown(quote: re.Match[str]) -> str:
    over = [_value(part.strip()) for part in quote["source"].split(" / ")]
    value = over[0] if len(over) == 1 else over[0] / over[1]
    return format(value, quote["format"])


def _value(path: str) -> float:
    file, *steps = path.split(".")
    value: Any = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))
    try:
        for step in steps:
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (KeyError, IndexError, ValueError) as error:
        raise LookupError(f"there is no {path} in benchmarks/results") from error
    return float(statistics.median(value) if isinstance(value, list) else value)
