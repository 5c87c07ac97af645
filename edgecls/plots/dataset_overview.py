"""The figure of a dataset: images for each label, how large they are, and their colours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgecls.plots.figure import COLORS, INK, MUTED, figure, png_bytes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["dataset_overview"]

MOST_LABELS = 40  # bars that can still be read
MAX_NAME_LENGTH = 28  # characters
GAP_ROWS = 1.6  # height of the gap, in bars
RGB = ("#d1495b", "#3f9b6c", "#2f6fb0")


def dataset_overview(
    counts: Mapping[str, Mapping[str, int]],
    sizes_wh: Sequence[tuple[int, int]],
    mean_rgb: Sequence[float],
    std_rgb: Sequence[float],
) -> bytes:
    """Draw what a dataset is like, as PNG.

    Of more than 40 labels the largest and the smallest twenty are shown, with a gap between them that says so.

    Args:
        counts: For each part, by its name, the number of images for each label, the same labels in each.
        sizes_wh: Width and height of each image in pixels; at least one.
        mean_rgb: Mean of red, green and blue, 0 to 1.
        std_rgb: Their standard deviations.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    totals: Counter[str] = Counter()
    for part in counts.values():
        totals.update(part)
    labels = sorted(totals, key=lambda label: (-totals[label], label))
    title = f"{sum(totals.values())} images of {len(labels)} labels"
    if len(labels) > MOST_LABELS:
        labels = labels[: MOST_LABELS // 2] + labels[-MOST_LABELS // 2 :]
    with figure(10, max(4.6, 1.6 + 0.24 * len(labels)), texts=labels) as made:
        left, right = made.subfigures(1, 2, width_ratios=(1.15, 1))  # type: ignore[misc]
        _draw_counts(left.subplots(), labels, counts, totals, title)
        upper, lower = right.subplots(2, 1, height_ratios=(3, 1))
        _draw_sizes(upper, sizes_wh)
        _draw_colors(lower, mean_rgb, std_rgb)
        return png_bytes(made)


def _draw_counts(
    axes: "Axes",
    labels: Sequence[str],
    counts: Mapping[str, Mapping[str, int]],
    totals: Mapping[str, int],
    title: str,
) -> None:
    left_out = len(totals) - len(labels)
    half = len(labels) // 2 if left_out else len(labels)
    places = [place + GAP_ROWS * (place >= half) for place in range(len(labels))]
    starts = [0] * len(labels)
    for (name, part), color in zip(counts.items(), COLORS, strict=False):
        lengths = [part[label] for label in labels]
        axes.barh(places, lengths, left=starts, height=0.64, color=color, label=name)
        starts = [start + length for start, length in zip(starts, lengths, strict=True)]
    if left_out:
        axes.annotate(
            f"⋮  {left_out} label{'' if left_out == 1 else 's'} between these left out",
            (0, half + (GAP_ROWS - 1) / 2),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=MUTED,
        )
    for place, label in zip(places, labels, strict=True):
        axes.annotate(
            str(totals[label]), (totals[label], place), (4, 0), textcoords="offset points", va="center", color=MUTED
        )
    axes.set_yticks(places, [shortened(label, MAX_NAME_LENGTH) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.01)
    axes.grid(visible=False, axis="y")
    axes.set_title(title)
    axes.set_xlabel("images")
    if len(counts) > 1:
        axes.legend(loc="lower right", ncols=len(counts))


def _draw_sizes(axes: "Axes", sizes_wh: Sequence[tuple[int, int]]) -> None:
    """Draw a dot for each size, the larger the more images have it."""
    counted = Counter(sizes_wh)
    most = max(counted.values())
    areas = [14 + 220 * (count / most) * (len(counted) < len(sizes_wh)) for count in counted.values()]
    widths, heights = zip(*counted, strict=True)
    longest = max(*widths, *heights)
    axes.plot([0, longest * 1.08], [0, longest * 1.08], color=MUTED, linewidth=0.8, linestyle=(0, (4, 4)))
    axes.scatter(widths, heights, s=areas, color=COLORS[0], alpha=0.4, linewidths=0)
    axes.set_xlim(0, longest * 1.08)
    axes.set_ylim(0, max(heights) * 1.12)
    axes.set_title("Size in pixels")
    axes.set_xlabel("width")
    axes.set_ylabel("height")


def _draw_colors(axes: "Axes", mean_rgb: Sequence[float], std_rgb: Sequence[float]) -> None:
    for place, (mean, std, color) in enumerate(zip(mean_rgb, std_rgb, RGB, strict=True)):
        axes.barh(place, 2 * std, left=mean - std, height=0.5, color=color, alpha=0.3)
        axes.plot([mean, mean], [place - 0.25, place + 0.25], color=color, linewidth=2.4)
        axes.annotate(
            f"{mean:.3f} ± {std:.3f}", (mean + std, place), (5, 0), textcoords="offset points", va="center", color=INK
        )
    axes.set_yticks(range(3), ["red", "green", "blue"])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.3)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(visible=False, axis="y")
    axes.set_title("Colour, mean ± standard deviation")
