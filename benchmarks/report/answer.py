"""How the results of a script become an answer in the report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "Results"]

Results = Mapping[str, Any]
"""What a script wrote to benchmarks/results."""


@dataclass(frozen=True)
class Answer:
    """The answer to a question of questions.toml.

    Attributes:
        lines: Makes Markdown of the results.
        plot: Draws them as PNG; None for no picture.
    """

    lines: Callable[[Results], list[str]]
    plot: Callable[[Results], bytes] | None = None
