"""The trade-off between models: accuracy against latency, size as the area of the mark."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecls.plots.figure import COLORS, MUTED, figure, png_bytes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ModelPoint", "tradeoff_png"]

LARGEST_MARK = 900.0  # area of the mark of the largest model, in square points
SMALLEST_MARK = 25.0
NAME_SPACE = 1.35  # how much wider than the slowest model the plot is, so that its name fits
MAX_NAME_LENGTH = 36  # characters
GAPS_PT = (4.0, 14.0, 28.0, 46.0)  # from a mark to its name, the nearest that is free
CLEAR_PX = 4.0  # between a name and a line
LEADER_FROM_PT = 10.0  # a name that is further away is joined to its mark by a fine line

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels of the figure."""


@dataclass(frozen=True)
class ModelPoint:
    """One model in the plot.

    Attributes:
        name: Its label.
        latency_ms: Time for one image.
        accuracy: From 0 to 1.
        accuracy_interval: Where it can be expected on other images.
        size_bytes: Size of the file.
    """

    name: str
    latency_ms: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    size_bytes: int


def tradeoff_png(points: Sequence[ModelPoint]) -> bytes:
    """Draw models by latency and accuracy, with their names next to them; up and to the left is better.

    Models that no other one beats in both are joined by a line (the Pareto front).

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
        axes.set_xlim(0, limits.slowest)
        axes.set_ylim(limits.low, limits.high)
        axes.set_xlabel("milliseconds for one image, decoding included")
        axes.set_ylabel("accuracy, with its 95 % interval")
        axes.yaxis.set_major_formatter(lambda part, _: f"{part:.0%}")
        for index, point in enumerate(points):
            color, area = COLORS[index % len(COLORS)], _area(point, largest)
            low, high = point.accuracy_interval
            axes.plot([point.latency_ms] * 2, [low, high], color=color, alpha=0.45, linewidth=1.2, zorder=2)
            axes.scatter([point.latency_ms], [point.accuracy], s=area, color=color, alpha=0.85, linewidths=0, zorder=3)
        _write_names(axes, points, front, largest)
        return png_bytes(made)


def _area(point: ModelPoint, largest: int) -> float:
    """Return the area of a model's mark in square points."""
    return max(SMALLEST_MARK, LARGEST_MARK * point.size_bytes / largest)


def _write_names(axes: "Axes", points: Sequence[ModelPoint], front: Sequence[ModelPoint], largest: int) -> None:
    """Write each name next to its mark, where it overlaps no other name, mark or line if there is such a place."""
    canvas: Any = axes.figure.canvas
    canvas.draw()  # the layout is known from here on
    place = axes.transData.transform
    scale = axes.figure.dpi / 72  # pixels to a point
    centres = [tuple(place((point.latency_ms, point.accuracy)).tolist()) for point in points]
    radii = [math.sqrt(_area(point, largest) / math.pi) * scale for point in points]
    marks = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(centres, radii, strict=True)]
    corners = [tuple(place((point.latency_ms, point.accuracy)).tolist()) for point in front]
    lines = list(itertools.pairwise(corners))
    for point, (x, _) in zip(points, centres, strict=True):
        low, high = (float(place((0, end))[1]) for end in point.accuracy_interval)
        lines.append(((x, low), (x, high)))
    inside = axes.get_window_extent()
    frame = inside.x0, inside.y0, inside.x1, inside.y1
    taken: list[Box] = []
    for index in sorted(range(len(points)), key=lambda index: -centres[index][0]):
        point, (x, y) = points[index], centres[index]
        text = axes.annotate(
            f"{shortened(point.name, MAX_NAME_LENGTH)}\n{point.size_bytes / 1e6:.1f} MB",
            (x, y),
            xycoords="figure pixels",
            fontsize=8,
        )
        size = text.get_window_extent(canvas.get_renderer())
        candidates = [
            (gap, _beside((x, y), radii[index] + gap * scale, (size.width, size.height), direction))
            for gap in GAPS_PT
            for direction in _DIRECTIONS
        ]
        gap, box = min(
            candidates,
            key=lambda entry: _badness(entry[1], marks, taken, lines, frame) + entry[0] / GAPS_PT[-1],
        )
        taken.append(box)
        text.set_position((box[0], box[1]))
        text.set_verticalalignment("bottom")
        if gap >= LEADER_FROM_PT:
            end = min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])
            arrow = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "alpha": 0.7}
            axes.annotate("", (x, y), end, xycoords="figure pixels", textcoords="figure pixels", arrowprops=arrow)


_DIRECTIONS = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
"""From a mark to its name; the first are preferred."""


def _beside(centre: tuple[float, float], away: float, size: tuple[float, float], direction: tuple[int, int]) -> Box:
    """Return where a name of this size is when it lies that far away from a mark's middle, in a direction."""
    (x, y), (width, height), (right, up) = centre, size, direction
    reach = away if not (right and up) else away / math.sqrt(2)
    left = x + right * reach - (width if right < 0 else width / 2 if right == 0 else 0)
    bottom = y + up * reach - (height if up < 0 else height / 2 if up == 0 else 0)
    return left, bottom, left + width, bottom + height


def _badness(
    box: Box, marks: Sequence[Box], taken: Sequence[Box], lines: Sequence[tuple[Any, Any]], frame: Box
) -> float:
    """Return how bad a place for a name is: names on names and beyond the frame are worst, lines through it least."""
    near = box[0] - CLEAR_PX, box[1] - CLEAR_PX, box[2] + CLEAR_PX, box[3] + CLEAR_PX
    outside = box[0] < frame[0] or box[1] < frame[1] or box[2] > frame[2] or box[3] > frame[3]
    return (
        100 * sum(_overlap(box, other) for other in taken)
        + 100 * outside
        + 30 * sum(_overlap(box, mark) for mark in marks)
        + 10 * sum(_crosses(near, line) for line in lines)
    )


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _crosses(box: Box, line: tuple[Any, Any]) -> bool:
    """Return whether a line goes through a box, by clipping it to the box (Liang and Barsky)."""
    (x0, y0), (x1, y1) = line
    start, end = 0.0, 1.0
    for delta, low, high in ((x1 - x0, box[0] - x0, box[2] - x0), (y1 - y0, box[1] - y0, box[3] - y0)):
        if delta == 0:
            if low > 0 or high < 0:
                return False
            continue
        near, far = sorted((low / delta, high / delta))
        start, end = max(start, near), min(end, far)
    return start <= end


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
    return _Limits(slowest * NAME_SPACE, max(0.0, low - margin), min(1.0, high + margin) + 0.01)
