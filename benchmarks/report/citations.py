"""Figures that documents cite: found by the words around them, as cited.toml lists them.

`"takes {cold_start.seconds.floor|median:.2f} s"` matches that text with any figure in it, or an estimate with its
interval. White space matches any other white space, so paragraphs may be rewrapped.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from figures import FigureError

__all__ = ["cited_phrases", "replace_cited"]

_SLOT = re.compile(r"\{(.+?)\}")
_FIGURE = r"([\d.,]*\d(?: \([\d.,]*\d to [\d.,]*\d\))?)"


def cited_phrases() -> dict[str, list[str]]:
    """Return the phrases that hold figures, by the path of their document."""
    cited = tomllib.loads(Path(__file__).with_name("cited.toml").read_text(encoding="utf-8"))
    return {document: phrases for document, phrases in cited.items() if isinstance(phrases, list)}


def replace_cited(text: str, phrases: Iterable[str], figure: Callable[[str], str]) -> str:
    """Return a document in which each cited figure is what `figure` says of its expression.

    Raises:
        FigureError: A phrase does not occur exactly once.
    """
    replacements = []
    for phrase in phrases:
        found = list(re.finditer(_pattern(phrase), text))
        if len(found) != 1:
            raise FigureError(f"{phrase!r} of cited.toml occurs {len(found)} times in the document, not once")
        expressions = _SLOT.findall(phrase)
        replacements += [(found[0].span(index), expression) for index, expression in enumerate(expressions, start=1)]
    for (start, end), expression in sorted(replacements, reverse=True):
        text = text[:start] + figure(expression) + text[end:]
    return text


def _pattern(phrase: str) -> str:
    words = _SLOT.split(phrase)[::2]  # around the slots
    return _FIGURE.join(re.sub(r"(?:\\\s|\s)+", r"\\s+", re.escape(word)) for word in words)
