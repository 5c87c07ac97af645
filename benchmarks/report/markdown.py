"""Tables and figures as Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["estimate", "milliseconds", "network_name", "table"]

_NETWORKS = {"flowers": "the bundled one, int8", "small": "about a millisecond", "mobilenet_v2": "MobileNetV2 float32"}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table: the first column to the left, all others to the right."""
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    return [*lines, *(_line([str(cell) for cell in row]) for row in rows), ""]


def estimate(found: Mapping[str, float], digits: int = 2) -> str:
    """Return a ratio with its interval, the ratio in bold."""
    value, low, high = (f"{found[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"**{value}** ({low} to {high})"


def milliseconds(seconds: Sequence[float]) -> str:
    """Return the median of times in seconds, in milliseconds."""
    return f"{1000 * statistics.median(seconds):.0f}"


def network_name(stem: str) -> str:
    """Return what a model file of the benchmarks is called in tables."""
    return _NETWORKS.get(stem.removesuffix(".onnx"), stem)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
