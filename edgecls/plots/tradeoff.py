"""The trade-off between models: accuracy against latency, size as the area of the mark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgecls.plots.figure import COLORS, MUTED, figure, png_bytes

__all__ = ["ModelPoint", "tradeoff_png"]

LARGEST_MARK = 900.0  # area of the mark of the largest model, in square points
SMALLEST_MARK = 25.0
NAME_ROOM = 1.35  # how much wider than the slowest model the plot is, so that its name has room
NAME_WIDTH = 0.25  # of the plot's width
NAME_HEIGHT_PT = 24.0  # two lines
HEIGHT_PT = 285.0  # of the space inside the axes


@dataclass(frozen=True)
class ModelPoint:
    """One model in the plot.

    Attributes:
        name: What to write beside it.
        latency_ms: Time for one picture.
        accuracy: From 0 to 1.
        accuracy_interval: Where it can be expected on other pictures.
        size_bytes: Size of the file.
    """

    name: str
    latency_ms: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    size_bytes: int


def tradeoff_png(points: Sequence[ModelPoint]) -> bytes:
    """Draw models by latency and accuracy, with their names beside them; up and to the left is better.

    Models that no other one beats in both respects are joined by a line.

    Args:
        points: At least one.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    largest = max(point.size_bytes for point in points)
    with figure(7.0, 4.6, texts=[point.name for point in points]) as made:
        axes = made.subplots()
        front = _undominated(points)
        axes.plot(
            [point.latency_ms for point in front],
            [point.accuracy for point in front],
            color=MUTED,
            linewidth=1,
            zorder=1,
        )
        limits = _limits(points)
        places = _name_places(points, limits)
        for index, point in enumerate(points):
            color = COLORS[index % len(COLORS)]
            area = max(SMALLEST_MARK, LARGEST_MARK * point.size_bytes / largest)
            low, high = point.accuracy_interval
            axes.plot([point.latency_ms] * 2, [low, high], color=color, alpha=0.45, linewidth=1.2, zorder=2)
            axes.scatter([point.latency_ms], [point.accuracy], s=area, color=color, alpha=0.85, linewidths=0, zorder=3)
            side, lift = places[index]
            axes.annotate(
                f"{point.name}\n{point.size_bytes / 1e6:.1f} MB",
                (point.latency_ms, point.accuracy),
                xytext=(side * (math.sqrt(area) / 2 + 4), lift),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=8,
            )
        axes.set_xlim(0, limits.slowest)
        axes.set_ylim(limits.low, limits.high)
        axes.set_xlabel("milliseconds for one picture, decoding included")
        axes.set_ylabel("accuracy, with its 95 % interval")
        axes.yaxis.set_major_formatter(lambda part, _: f"{part:.0%}")
        return png_bytes(made)


def _undominated(points: Sequence[ModelPoint]) -> list[ModelPoint]:
    """Return the models that no other one beats in both respects, fastest first."""
    front: list[ModelPoint] = []
    for point in sorted(points, key=lambda point: (point.latency_ms, -point.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


@dataclass(frozen=True)
class _Limits:
    """What the axes show: time from 0 on, accuracy from `low` to `high`."""

    slowest: float
    low: float
    high: float


def _limits(points: Sequence[ModelPoint]) -> _Limits:
    """Return limits in which the marks and the names to the right of them lie."""
    low = min(point.accuracy_interval[0] for point in points)
    high = max(point.accuracy_interval[1] for point in points)
    margin = 0.15 * max(high - low, 0.02)
    slowest = max(point.latency_ms for point in points)
    return _Limits(slowest * NAME_ROOM, max(0.0, low - margin), min(1.0, high + margin) + 0.01)


def _name_places(points: Sequence[ModelPoint], limits: _Limits) -> list[tuple[int, float]]:
    """Return where each name goes so that names of neighbours do not lie on each other.

    Returns:
        For each model 1 for the right of its mark or -1 for the left, and how far to lift the name, in points.
    """
    centres = [
        (point.latency_ms / limits.slowest, (point.accuracy - limits.low) / (limits.high - limits.low) * HEIGHT_PT)
        for point in points
    ]
    places = [(1, 0.0)] * len(points)
    placed: list[tuple[float, float]] = []  # left end as part of the width, height in points
    for index in sorted(range(len(points)), key=lambda index: centres[index][::-1]):
        x, natural = centres[index]
        is_crowded = any(x < other_x < x + NAME_WIDTH and abs(y - natural) < NAME_HEIGHT_PT for other_x, y in centres)
        side = -1 if is_crowded and x > NAME_WIDTH else 1
        left = x if side > 0 else x - NAME_WIDTH
        height = natural
        for other_left, other_height in sorted(placed, key=lambda entry: entry[1]):
            if abs(left - other_left) < NAME_WIDTH and abs(height - other_height) < NAME_HEIGHT_PT:
                height = other_height + NAME_HEIGHT_PT
        placed.append((left, height))
        places[index] = (side, height - natural)
    return places
