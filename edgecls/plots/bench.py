"""What a benchmark found: pictures a second, and where the time of a picture goes, for each setting."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecls.plots.figure import COLORS, INK, MUTED, figure, png_bytes
from edgecls.rounds import Estimate

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SettingBars", "StageBar", "bench_png"]

STAGES = ("decoding", "queue", "inference")
STAGE_COLORS = (COLORS[6], "#c3ccd6", COLORS[0])
BAR_HEIGHT = 0.62
ROW_IN = 0.34  # height of a row
HEADING_IN = 1.5  # titles, axes, legend
WIDTH_IN = 13.0
ROOM_FOR_TEXT = 1.3  # how much wider than the longest bar the axes are
NOISY_ALPHA = 0.45  # of bars that say little


@dataclass(frozen=True)
class StageBar:
    """How long a picture takes.

    Attributes:
        stages_ms: Mean time of each of STAGES, in milliseconds.
        latency: Median of all of it.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        is_noisy: The rounds differ so much that the figures say little.
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
        throughput: Pictures a second.
        back_to_back: One picture right after the other.
        paced: One every so often; None if that was not measured.
    """

    model: str
    setting: str
    throughput: Estimate
    back_to_back: StageBar
    paced: StageBar | None


def bench_png(rows: Sequence[SettingBars], *, pace_s: float) -> bytes:
    """Draw settings below each other: pictures a second; stages of a picture, back-to-back and paced.

    Args:
        rows: At least one, those of a model together.
        pace_s: Seconds from one picture to the next where they are paced.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    models = list(dict.fromkeys(row.model for row in rows))
    places = _places(rows)
    height_in = HEADING_IN + ROW_IN * (max(places) + 1)
    with figure(WIDTH_IN, height_in, texts=models) as made:
        rates, back_to_back, paced = made.subplots(1, 3, sharey=True, width_ratios=(1.1, 1, 1))
        for place, row in zip(places, rows, strict=True):
            _draw_rate(rates, place, row, COLORS[models.index(row.model) % len(COLORS)])
            _draw_stages(back_to_back, place, row.back_to_back)
            if row.paced is not None:
                _draw_stages(paced, place, row.paced)
        for axes in (rates, back_to_back, paced):
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
            axes.set_xlim(0, axes.dataLim.x1 * ROOM_FOR_TEXT or 1)
        rates.set_ylim(max(places) + 0.6, min(places) - 1.1)
        rates.set_yticks(places, [row.setting for row in rows])
        for place, row in zip(places, rows, strict=True):
            if place - 1 not in places:
                rates.annotate(
                    row.model, (0, place - 0.68), xycoords=("axes fraction", "data"), fontweight="bold", va="center"
                )
        rates.set_title("pictures a second, with 95 % interval")
        back_to_back.set_title("milliseconds a picture, back-to-back")
        paced.set_title(f"milliseconds a picture, one every {pace_s:g} s")
        bars = [bar for row in rows for bar in (row.back_to_back, row.paced) if bar is not None]
        _draw_legend(made, with_noisy=any(bar.is_noisy for bar in bars))
        return png_bytes(made)


def _places(rows: Sequence[SettingBars]) -> list[int]:
    """Return where each row goes, from the top; before each other model is a gap for its name."""
    places, place = [], 0
    for index, row in enumerate(rows):
        place += index > 0
        place += index > 0 and rows[index - 1].model != row.model
        places.append(place)
    return places


def _draw_rate(axes: "Axes", place: int, row: SettingBars, color: str) -> None:
    rate = row.throughput
    alpha = NOISY_ALPHA if row.back_to_back.is_noisy else 1
    axes.barh(place, rate.value, BAR_HEIGHT, color=color, alpha=alpha)
    axes.plot([rate.low, rate.high], [place, place], color=INK, linewidth=1.2, marker="|", markersize=6)
    _write(axes, max(rate.value, rate.high), place, f"{rate.value:.0f}")


def _draw_stages(axes: "Axes", place: int, bar: StageBar) -> None:
    left = 0.0
    for time_ms, color in zip(bar.stages_ms, STAGE_COLORS, strict=True):
        axes.barh(place, time_ms, BAR_HEIGHT, left=left, color=color, alpha=NOISY_ALPHA if bar.is_noisy else 1)
        left += time_ms
    axes.plot([bar.latency.low, bar.latency.high], [place, place], color=INK, linewidth=1.2, marker="|", markersize=6)
    axes.plot([bar.latency.value], [place], color=INK, marker="o", markersize=3.5)
    axes.plot([bar.p95_ms], [place], color=COLORS[1], marker="D", markersize=3.5, linestyle="none")
    axes.plot([bar.p99_ms], [place], color=COLORS[3], marker="x", markersize=5, linestyle="none")
    _write(axes, max(left, bar.latency.high, bar.p99_ms), place, f"{bar.latency.value:.1f}")


def _write(axes: "Axes", right: float, place: int, text: str) -> None:
    axes.annotate(text, (right, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8, color=INK)


def _draw_legend(made: "Figure", *, with_noisy: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=color, label=stage) for stage, color in zip(STAGES, STAGE_COLORS, strict=True)]
    handles += [
        Line2D([], [], color=INK, linewidth=1.2, marker="o", markersize=3.5, label="median, 95 % interval"),
        Line2D([], [], color=COLORS[1], linestyle="none", marker="D", markersize=3.5, label="95th percentile"),
        Line2D([], [], color=COLORS[3], linestyle="none", marker="x", markersize=5, label="99th percentile"),
    ]
    if with_noisy:
        handles.append(Patch(color=MUTED, alpha=NOISY_ALPHA, label="pale: too noisy to tell"))
    made.legend(handles=handles, loc="outside lower center", ncols=len(handles))
