"""Figures of familiar and foreign images: how well a score tells them apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.plots.figure import COLORS, INK, MUTED, figure, png_bytes

__all__ = ["SeparatingScore", "separation_png"]

BINS = 40
LEAST_SHOWN = 0.8  # of the familiar images accepted; thresholds that accept fewer are of no use


@dataclass(frozen=True)
class SeparatingScore:
    """A score, for images of both kinds.

    Attributes:
        name: What to call it.
        familiar: That of the familiar images, at least one.
        foreign: That of the foreign images, at least one.
    """

    name: str
    familiar: npt.NDArray[np.float64]
    foreign: npt.NDArray[np.float64]


def separation_png(
    scores: Sequence[SeparatingScore], *, thresholds: Mapping[str, float], in_use: float | None
) -> bytes:
    """Draw the distributions of the first score, and for all what they accept of both kinds of images.

    Args:
        scores: At most as many as there are colours.
        thresholds: Of the first score, to be marked, by what to call them.
        in_use: The threshold of the first score that is in use; None for none.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with figure(9.2, 3.6) as made:
        left, right = made.subplots(1, 2)
        first = scores[0]
        both = np.concatenate([first.familiar, first.foreign])
        edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), BINS + 1)
        for values, name, color in (
            (first.familiar, "with the model's labels", COLORS[0]),
            (first.foreign, "foreign", COLORS[1]),
        ):
            weights = np.full(len(values), 1 / len(values))
            left.hist(values, edges, weights=weights, color=color, alpha=0.6, label=name)
        if in_use is not None:
            left.axvline(in_use, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="threshold in use")
        left.set_xlabel(first.name)
        left.set_ylabel("images")
        left.yaxis.set_major_formatter(lambda fraction, _: f"{fraction:.0%}")
        left.legend()
        for index, score in enumerate(scores):
            familiar, foreign = _accepted(score)
            right.plot(familiar, foreign, color=COLORS[index], label=f"by {score.name}", linewidth=1.8)
        for name, threshold in thresholds.items():
            point = np.mean(first.familiar >= threshold), np.mean(first.foreign >= threshold)
            if point[0] >= LEAST_SHOWN:
                right.plot(*point, "o", color=COLORS[0], markersize=5)
                right.annotate(name, point, (-4, 4), textcoords="offset points", ha="right", fontsize=7.5, color=MUTED)
        right.set_xlim(LEAST_SHOWN, 1.005)
        right.set_xticks(np.arange(LEAST_SHOWN, 1.01, 0.05))
        right.set_ylim(-0.02, 1.02)
        for axis in (right.xaxis, right.yaxis):
            axis.set_major_formatter(lambda fraction, _: f"{fraction:.0%}")
        right.set_xlabel("images with the model's labels that are accepted")
        right.set_ylabel("foreign images accepted")
        right.legend(loc="upper left")
        return png_bytes(made)


def _accepted(score: SeparatingScore) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the proportions of familiar and of foreign images accepted at every threshold, from strict to lax."""
    thresholds = np.unique(np.concatenate([score.familiar, score.foreign]))[::-1]
    rates = []
    for values in (score.familiar, score.foreign):
        below = np.searchsorted(np.sort(values), thresholds, side="left")
        rates.append(np.concatenate([[0.0], 1 - below / len(values)]))
    return rates[0], rates[1]
