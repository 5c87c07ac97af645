"""What a benchmark found: images a second, and where the time of an image goes, for each setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecls.measuring.turns import Estimate
from edgecls.plots.figure import COLORS, INK, MUTED, figure, png_bytes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SettingBars", "StageBar", "bench_png"]

STAGES = ("decoding", "queue", "inference")
STAGE_COLORS = (COLORS[6], "#c3ccd6", COLORS[0])
BACK_TO_BACK, PACED, RATE = INK, COLORS[1], COLORS[2]
ROW_HEIGHT = 0.64  # of a bar, or of two next to each other
ROW_IN = 0.42  # height of a row
HEADING_IN = 1.6  # titles, axes, legend
WIDTH_IN = 13.0
NOISY_ALPHA = 0.4  # of what is too noisy
NAMED_FROM = 0.14  # fraction of the time from which a stage has space for its milliseconds


@dataclass(frozen=True)
class StageBar:
    """How long an image takes.

    Attributes:
        stages_ms: Mean time of each of STAGES, in milliseconds.
        latency: Median of all of it.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        is_noisy: The rounds differ so much that the results are not meaningful.
    """

    stages_ms: tuple[float, ...]
    latency: Estimate
    p95_ms: float
    p99_ms: float
    is_noisy: bool


@dataclass(frozen=True)
class SettingBars:
    """A setting in the plot.

    Attributes:
        model: Name of its model.
        setting: What it is.
        throughput: Images a second.
        back_to_back: One image right after the other.
        paced: One every so often; None if that was not measured.
    """

    model: str
    setting: str
    throughput: Estimate
    back_to_back: StageBar
    paced: StageBar | None


def bench_png(rows: Sequence[SettingBars], *, pace_s: float) -> bytes:
    """Draw settings below each other: images a second; time of an image, on a logarithmic axis; its parts.

    Args:
        rows: At least one, those of a model together.
        pace_s: Seconds from one image to the next where they are paced.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    places = _places(rows)
    height_in = HEADING_IN + ROW_IN * (max(places) + 1)
    with figure(WIDTH_IN, height_in, texts=[row.model for row in rows]) as made:
        rates, times, stages = made.subplots(1, 3, sharey=True)
        for place, row in zip(places, rows, strict=True):
            _draw_rate(rates, place, row)
            bars = [(BACK_TO_BACK, row.back_to_back)] + ([] if row.paced is None else [(PACED, row.paced)])
            height = ROW_HEIGHT / len(bars)
            for index, (color, bar) in enumerate(bars):
                middle = place + (index - (len(bars) - 1) / 2) * height
                _draw_times(times, middle, bar, color)
                _draw_stages(stages, middle, height, bar, color)
        for axes in (rates, times, stages):
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
        _set_limits(rates, times, stages)
        rates.set_ylim(max(places) + 0.6, min(places) - 1.1)
        rates.set_yticks(places, [row.setting for row in rows])
        for place, row in zip(places, rows, strict=True):
            if place - 1 not in places:
                rates.annotate(
                    row.model, (0, place - 0.68), xycoords=("axes fraction", "data"), fontweight="bold", va="center"
                )
        rates.set_title("images a second, with 95 % interval")
        times.set_title("milliseconds from bytes to answer")
        stages.set_title("where they go, in the mean")
        drawn = [bar for row in rows for bar in (row.back_to_back, row.paced) if bar is not None]
        _draw_legend(made, pace_s, with_noisy=any(bar.is_noisy for bar in drawn))
        return png_bytes(made)


def _places(rows: Sequence[SettingBars]) -> list[int]:
    """Return where each row goes, from the top; before each other model is a gap for its name."""
    places, place = [], 0
    for index, row in enumerate(rows):
        place += index > 0
        place += index > 0 and rows[index - 1].model != row.model
        places.append(place)
    return places


def _draw_rate(axes: "Axes", place: int, row: SettingBars) -> None:
    rate = row.throughput
    axes.barh(place, rate.value, ROW_HEIGHT, color=RATE, alpha=_alpha(row.back_to_back))
    axes.plot([rate.low, rate.high], [place, place], color=INK, linewidth=1.2, marker="|", markersize=6)
    _write(axes, max(rate.value, rate.high), place, f"{rate.value:.0f}", INK)


def _draw_times(axes: "Axes", height: float, bar: StageBar, color: str) -> None:
    median, alpha = bar.latency, _alpha(bar)
    axes.plot([median.value, bar.p99_ms], [height, height], color=color, linewidth=0.7, alpha=0.4 * alpha)
    axes.plot([median.low, median.high], [height, height], color=color, linewidth=3, alpha=alpha)
    for time_ms, marker, size in ((median.value, "o", 4.5), (bar.p95_ms, "D", 3.5), (bar.p99_ms, "x", 4.5)):
        axes.plot([time_ms], [height], color=color, alpha=alpha, marker=marker, markersize=size)
    _write(axes, max(median.high, bar.p99_ms), height, f"{median.value:.2f}", color)


def _draw_stages(axes: "Axes", middle: float, height: float, bar: StageBar, color: str) -> None:
    whole, left = sum(bar.stages_ms), 0.0
    for time_ms, stage_color in zip(bar.stages_ms, STAGE_COLORS, strict=True):
        part = time_ms / whole
        axes.barh(middle, part, 0.92 * height, left=left, color=stage_color, alpha=_alpha(bar))
        if part >= NAMED_FROM:
            ink = "white" if stage_color == STAGE_COLORS[-1] and not bar.is_noisy else INK
            axes.annotate(f"{time_ms:.2f}", (left + part / 2, middle), ha="center", va="center", fontsize=7, color=ink)
        left += part
    _write(axes, 1, middle, f"{whole:.2f} ms", color)


def _alpha(bar: StageBar) -> float:
    return NOISY_ALPHA if bar.is_noisy else 1


def _write(axes: "Axes", right: float, height: float, text: str, color: str) -> None:
    place = (right, height)
    axes.annotate(text, place, xytext=(6, 0), textcoords="offset points", va="center", fontsize=7.5, color=color)


def _set_limits(rates: "Axes", times: "Axes", stages: "Axes") -> None:
    """Set the limits of the axes, with space for the numbers at the right."""
    rates.set_xlim(0, 1.15 * rates.dataLim.x1)
    times.set_xscale("log")
    low, high = times.dataLim.x0, times.dataLim.x1
    times.set_xlim(low / 1.3, high * (high / low) ** 0.2 * 1.2)
    ticks = [tick for power in range(-3, 7) for tick in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)]
    times.set_xticks([tick for tick in ticks if low / 1.3 <= tick <= 1.3 * high])
    times.xaxis.set_major_formatter(lambda tick, _: f"{tick:g}")
    times.minorticks_off()
    stages.set_xlim(0, 1.3)
    stages.set_xticks([0, 0.25, 0.5, 0.75, 1])
    stages.xaxis.set_major_formatter(lambda part, _: f"{part:.0%}")


def _draw_legend(made: "Figure", pace_s: float, *, with_noisy: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **{"color": MUTED, "linestyle": "none", **look})

    handles: list[Artist] = [
        line("back-to-back", color=BACK_TO_BACK, linestyle="-", linewidth=3),
        line(f"one every {pace_s:g} s", color=PACED, linestyle="-", linewidth=3),
        line("median, its 95 % interval", marker="o", markersize=4.5, linestyle="-", linewidth=3),
        line("95th percentile", marker="D", markersize=3.5),
        line("99th percentile", marker="x", markersize=4.5),
        *(Patch(color=color, label=stage) for stage, color in zip(STAGES, STAGE_COLORS, strict=True)),
    ]
    if with_noisy:
        handles.append(Patch(color=MUTED, alpha=NOISY_ALPHA, label="pale: too noisy"))
    made.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
