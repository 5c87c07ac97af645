"""The few kinds of charts that the report has, in the look of edgecls's own."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np

from edgecls.plots.figure import COLORS, INK, figure, png_bytes

__all__ = ["bars", "curves", "grouped_bars", "strips"]

WIDTH_IN = 7.5


def bars(values: Mapping[str, float], title: str, unit: str) -> bytes:
    """Draw one lying bar for each name, the first on top."""
    return grouped_bars(list(values), {"": list(values.values())}, title, unit, lying=True)


def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    title: str,
    unit: str,
    *,
    lying: bool = False,
    log: bool = False,
) -> bytes:
    """Draw a bar for each series in each group, with its value at the end."""
    thick = 0.8 / len(series)
    with figure(WIDTH_IN, 0.5 + 0.28 * len(groups) * len(series) ** 0.6 + 0.6 if lying else 3.2) as made:
        axes = made.subplots()
        for index, (name, values) in zip(count(), series.items(), strict=False):
            places = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * thick
            draw = axes.barh if lying else axes.bar
            drawn = draw(places, values, thick, label=name, color=COLORS[index])
            axes.bar_label(drawn, fmt=_short, padding=2, fontsize=7, color=INK)
        if lying:
            axes.set_yticks(range(len(groups)), groups)
            axes.invert_yaxis()
            axes.set_xlabel(unit)
            axes.grid(visible=False, axis="y")
            axes.margins(x=0.1)
        else:
            axes.set_xticks(range(len(groups)), groups)
            axes.set_ylabel(unit)
            axes.grid(visible=False, axis="x")
            if log:
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
        axes.set_title(title)
        if len(series) > 1:
            axes.legend(fontsize=8)
        return png_bytes(made)


def curves(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    across: str,
    unit: str,
    *,
    log: bool = False,
    from_zero: bool = True,
    markers: bool = True,
) -> bytes:
    """Draw a line through the points of each series."""
    with figure(WIDTH_IN, 3.2) as made:
        axes = made.subplots()
        for index, (name, points) in enumerate(lines.items()):
            x, y = zip(*sorted(points), strict=True)
            axes.plot(
                x, y, label=name, color=COLORS[index % len(COLORS)], marker="o" if markers else None, markersize=4
            )
        if log:
            axes.set_xscale("log", base=2)
            ticks = sorted({point[0] for points in lines.values() for point in points})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        if from_zero:
            axes.set_ylim(0, 1.08 * max(point[1] for points in lines.values() for point in points))
        axes.set_xlabel(across)
        axes.set_ylabel(unit)
        axes.set_title(title)
        if len(lines) > 1:
            axes.legend(fontsize=8)
        return png_bytes(made)


def strips(values: Mapping[str, Sequence[float]], title: str, unit: str) -> bytes:
    """Draw every value of each series as a dot, and its median as a line."""
    with figure(WIDTH_IN, 0.9 + 0.5 * len(values)) as made:
        axes = made.subplots()
        for index, taken in enumerate(values.values()):
            axes.plot(taken, [index] * len(taken), "o", color=COLORS[index], alpha=0.45, markersize=5)
            axes.plot([statistics.median(taken)] * 2, [index - 0.3, index + 0.3], color=INK, linewidth=1.5)
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel(unit)
        axes.set_title(title)
        return png_bytes(made)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2g}"
