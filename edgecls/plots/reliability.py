"""The calibration plot: how often an answer is right, against how sure the model was of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgecls.plots.figure import COLORS, MUTED, figure, png_bytes

__all__ = ["ReliabilityCurve", "reliability_png"]


@dataclass(frozen=True)
class ReliabilityCurve:
    """The reliability of one set of answers; one entry for each range of probability that has images.

    Attributes:
        name: What to call it.
        confidences: Mean probability of the best label.
        accuracies: Part of the answers that is right.
        images: Number of images.
    """

    name: str
    confidences: Sequence[float]
    accuracies: Sequence[float]
    images: Sequence[int]


def reliability_png(curves: Sequence[ReliabilityCurve]) -> bytes:
    """Draw one or several reliability curves above the distribution of the last one's images.

    Args:
        curves: At most as many as there are colours; the last one is the one that counts, and is drawn so.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with figure(5.4, 4.8) as made:
        above, below = made.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1]})
        above.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        above.text(0.03, 0.10, "as sure as right", color=MUTED, fontsize=8, rotation=37, rotation_mode="anchor")
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
        above.set_ylabel("part that is right")
        if len(curves) > 1:
            above.legend(loc="lower right")
        total = max(1, sum(last.images))
        below.bar(last.confidences, [images / total for images in last.images], width=0.04, color=COLORS[0])
        below.set_xlim(0, 1.02)
        below.set_ylabel("images")
        below.yaxis.set_major_formatter(lambda part, _: f"{part:.0%}")
        below.set_xlabel("probability of the answer")
        return png_bytes(made)
