"""Curves: of a training run over its epochs, and of calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgecls.plots.figure import COLORS, MUTED, figure, png_bytes

__all__ = ["ReliabilityCurve", "reliability_png", "training_curve_png"]

LINE_COLORS = (COLORS[1], COLORS[0])


def training_curve_png(
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    *,
    title: str,
    stages: Mapping[int, str],
    best_epoch: int | None,
) -> bytes:
    """Draw one metric over the epochs of a training run.

    Args:
        epochs: Their numbers, ascending, at least one.
        lines: Two lines at most: name to values, one for each epoch; the best epoch is marked on the last.
        title: What the values are.
        stages: First epoch of each stage to its name; marked only where there is more than one.
        best_epoch: The epoch whose weights were kept, if known.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with figure(4.4, 3.2, texts=[title, *lines, *stages.values()]) as made:
        axes = made.subplots()
        for color, (name, values) in zip(LINE_COLORS[-len(lines) :], lines.items(), strict=True):
            axes.plot(epochs, values, label=name, color=color, marker="o" if len(epochs) < 3 else "")
        if best_epoch is not None and best_epoch in epochs:
            last = list(lines.values())[-1]
            axes.plot([best_epoch], [last[list(epochs).index(best_epoch)]], "o", color=LINE_COLORS[-1], markersize=7)
        for first, stage in stages.items() if len(stages) > 1 else ():
            is_later = first > epochs[0]
            if is_later:
                axes.axvline(first - 0.5, color=MUTED, linewidth=0.8)
            axes.text(
                first - 0.4 if is_later else first,
                1.0,
                stage,
                color=MUTED,
                fontsize=7.5,
                va="bottom",
                transform=axes.get_xaxis_transform(),
            )
        axes.set_title(title, pad=16)
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.legend()
        return png_bytes(made)


@dataclass(frozen=True)
class ReliabilityCurve:
    """The reliability of one set of answers; one entry for each range of probability that has images.

    Attributes:
        name: What to call it.
        confidences: Mean probability of the predicted label.
        accuracies: Fraction of the answers that are right.
        images: Number of images.
    """

    name: str
    confidences: Sequence[float]
    accuracies: Sequence[float]
    images: Sequence[int]


def reliability_png(curves: Sequence[ReliabilityCurve]) -> bytes:
    """Draw the calibration plot: reliability curves above the distribution of the last one's images.

    Args:
        curves: At most as many as there are colours; the last one is drawn prominently.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with figure(5.4, 4.8) as made:
        above, below = made.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
        above.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        above.text(0.03, 0.10, "perfectly calibrated", color=MUTED, fontsize=8, rotation=37, rotation_mode="anchor")
        last = curves[-1]
        for index, curve in enumerate(curves):
            is_last = curve is last
            above.plot(
                curve.confidences,
                curve.accuracies,
                marker="o",
                markersize=5 if is_last else 3.5,
                color=COLORS[0] if is_last else COLORS[1 + index],
                linewidth=1.8 if is_last else 1.2,
                label=curve.name,
            )
        above.set_ylim(0, 1.02)
        above.set_ylabel("accuracy")
        if len(curves) > 1:
            above.legend(loc="lower right")
        total = max(1, sum(last.images))
        below.bar(last.confidences, [images / total for images in last.images], width=0.04, color=COLORS[0])
        below.set_xlim(0, 1.02)
        below.set_ylabel("images")
        below.yaxis.set_major_formatter(lambda fraction, _: f"{fraction:.0%}")
        below.set_xlabel("probability of the predicted label")
        return png_bytes(made)
