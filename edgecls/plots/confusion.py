"""The confusion matrix as a picture: what is shown against what was said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecls.plots.figure import COLORS, INK, figure, png_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_png"]

RIGHT_COLOR, WRONG_COLOR = COLORS[0], COLORS[1]
WHITE = (1.0, 1.0, 1.0)
MAX_NUMBERED = 25  # labels up to which every cell has its count written in it
MAX_NAMED = 120  # labels up to which rows and columns have their names; beyond, they would be a grey bar
MAX_NAME_LENGTH = 24  # characters
DARK_CELL = 0.55  # from this depth of the right colour on, white figures are easier to read; on the other never


def confusion_png(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> bytes:
    """Draw a confusion matrix.

    A cell is coloured by its part of its row, so that rare labels show as well as frequent ones; right
    answers in one colour, mistakes in another, with small parts of mistakes made visible.

    Args:
        confusion: ``[K, K]`` counts; the row is what is shown, the column what was said.
        labels: One for each row.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    count = len(labels)
    names = [_shortened(label) for label in labels]
    side_in = min(11.0, max(4.2, 2.2 + 0.42 * count if count <= MAX_NUMBERED else 3.5 + 0.09 * count))
    with figure(side_in, side_in, texts=names) as made:
        axes = made.subplots()
        depths = _depths(confusion)
        axes.imshow(_colored(depths), interpolation="nearest")
        axes.set_xlabel("said")
        axes.set_ylabel("shown")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if count <= MAX_NAMED:
            size = 9 if count <= MAX_NUMBERED else max(4.0, 9 * 30 / count)
            axes.set_xticks(range(count), names, rotation=0 if _fits_upright(names) else 90, fontsize=size)
            axes.set_yticks(range(count), names, fontsize=size)
        axes.tick_params(length=0)
        if count <= MAX_NUMBERED:
            _write_counts(axes, confusion, depths)
        return png_bytes(made)


def _depths(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return how deep the colour of each cell is, 0 to 1."""
    parts = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    wrong = np.sqrt(parts)  # one mistake in a hundred is to be seen
    return np.asarray(np.where(np.eye(len(parts), dtype=bool), parts, wrong), np.float64)


def _colored(depths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from matplotlib.colors import to_rgb

    diagonal = np.eye(len(depths), dtype=bool)[..., np.newaxis]
    full = np.where(diagonal, to_rgb(RIGHT_COLOR), to_rgb(WRONG_COLOR))
    return np.asarray(WHITE + depths[..., np.newaxis] * (full - WHITE), np.float64)


def _write_counts(axes: "Axes", confusion: npt.NDArray[np.int64], depths: npt.NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(confusion), strict=True):
        color = "white" if row == column and depths[row, column] > DARK_CELL else INK
        axes.text(column, row, f"{confusion[row, column]}", ha="center", va="center", color=color, fontsize=9)


def _fits_upright(names: Sequence[str]) -> bool:
    return len(names) <= 6 and max(map(len, names)) <= 10


def _shortened(label: str) -> str:
    return label if len(label) <= MAX_NAME_LENGTH else label[: MAX_NAME_LENGTH - 1] + "…"
