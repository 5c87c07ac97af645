"""The confusion matrix as an image: true against predicted labels; with many labels, the confused ones first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecls.plots.figure import COLORS, INK, figure, png_bytes, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MAX_NUMBERED", "confused_block_png", "confusion_png", "full_confusion_png", "grouped_order"]

RIGHT_COLOR, WRONG_COLOR = COLORS[0], COLORS[1]
WHITE = (1.0, 1.0, 1.0)
MAX_NUMBERED = 25
"""Up to so many labels, every cell has its count written in it; beyond, confused labels are next to each other."""

BLOCK_LABELS = 20  # of the enlarged block, where there are more labels than can be numbered
HANDY_IN = 11.0  # the longer side of an image for a page
CELL_IN = 0.15  # a side of a cell next to which a name of 7 points is readable
NAMES_IN = 2.6  # space for names of MAX_NAME_LENGTH characters, and the axis's own name
MAX_NAMED = int((HANDY_IN - NAMES_IN) / CELL_IN)  # labels up to which an image for a page has their names
MAX_SHEET_LABELS = 300  # labels up to which the sheet has their names: it has 7,000 pixels a side then
SHEET_IN = 24.0  # a side of the sheet beyond
MAX_NAME_LENGTH = 24  # characters
DARK_CELL = 0.55  # from this depth of the right colour on, white figures are easier to read; on the other never

Counts = npt.NDArray[np.int64]


def confusion_png(confusion: Counts, labels: Sequence[str]) -> bytes:
    """Draw a confusion matrix at a size for a page.

    A cell is coloured by its fraction of the row, so that rare labels are as visible as frequent ones; correct
    predictions in one colour, mistakes in another, with few mistakes made visible. More than MAX_NUMBERED
    labels are put into `grouped_order`; names that could not be read are left out.

    Args:
        confusion: ``[K, K]`` counts; a row for each true label, a column for each predicted one.
        labels: One for each row.

    Returns:
        A PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    count = len(labels)
    side_in = max(4.2, 2.2 + 0.42 * count) if count <= MAX_NUMBERED else NAMES_IN + CELL_IN * count
    order = list(range(count)) if count <= MAX_NUMBERED else grouped_order(confusion)
    return _matrix_png(confusion, labels, order, side_in=min(HANDY_IN, side_in), is_named=count <= MAX_NAMED)


def full_confusion_png(confusion: Counts, labels: Sequence[str]) -> bytes:
    """Draw the same in `grouped_order` and large enough for all names to be readable.

    Args and errors as for `confusion_png`. Of more than MAX_SHEET_LABELS labels the names are left out.
    """
    is_named = len(labels) <= MAX_SHEET_LABELS
    side_in = NAMES_IN + CELL_IN * len(labels) if is_named else SHEET_IN
    return _matrix_png(confusion, labels, grouped_order(confusion), side_in=side_in, is_named=is_named)


def confused_block_png(confusion: Counts, labels: Sequence[str]) -> bytes | None:
    """Draw the rows and columns of the labels that are confused most often, at most BLOCK_LABELS, with the counts.

    Args and errors as for `confusion_png`.

    Returns:
        A PNG; None if there is no mistake.
    """
    block = _most_confused(confusion)
    if not block:
        return None
    return _matrix_png(confusion, labels, block, side_in=max(4.2, 2.4 + 0.42 * len(block)), is_named=True)


def grouped_order(confusion: Counts) -> list[int]:
    """Return the labels in an order that puts confused ones next to each other, the most confused group first.

    Pairs are joined from the most confused one on, end to end with the groups that their labels already belong to;
    the weight of a pair is the sum of its two fractions of the rows. Labels without mistakes come last, in their order.
    """
    weights = _pair_weights(confusion)
    group_of = {index: [index] for index in range(len(weights))}
    rows, columns = np.nonzero(np.triu(weights))
    for place in np.argsort(-weights[rows, columns], kind="stable"):
        one, other = int(rows[place]), int(columns[place])
        first, second = group_of[one], group_of[other]
        if first is second:
            continue
        if first.index(one) < len(first) / 2 and len(first) > 1:
            first = first[::-1]
        if second.index(other) >= len(second) / 2 and len(second) > 1:
            second = second[::-1]
        joined = first + second
        group_of.update(dict.fromkeys(joined, joined))
    groups = {id(group): group for group in group_of.values()}.values()
    inner = [float(weights[np.ix_(group, group)].sum()) for group in groups]
    ranked = sorted(zip(inner, groups, strict=True), key=lambda entry: (-entry[0], entry[1][0]))
    return [index for _, group in ranked for index in group]


def _most_confused(confusion: Counts) -> list[int]:
    """Return the labels of the most frequent mistakes, in `grouped_order`; none if there is no mistake."""
    pairs = confusion + confusion.T
    rows, columns = np.nonzero(np.triu(pairs, 1))
    chosen: set[int] = set()
    for place in np.argsort(-pairs[rows, columns], kind="stable"):
        pair = {int(rows[place]), int(columns[place])}
        if len(chosen | pair) <= BLOCK_LABELS:
            chosen |= pair
    members = sorted(chosen)
    return [members[index] for index in grouped_order(confusion[np.ix_(members, members)])]


def _pair_weights(confusion: Counts) -> npt.NDArray[np.float64]:
    """Return how confused each two labels are, ``[K, K]``, 0 to 2, with nothing on the diagonal."""
    parts = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    weights = parts + parts.T
    np.fill_diagonal(weights, 0)
    return np.asarray(weights, np.float64)


def _matrix_png(
    confusion: Counts, labels: Sequence[str], order: Sequence[int], *, side_in: float, is_named: bool
) -> bytes:
    """Draw the rows and columns of `order`, each cell coloured by its fraction of its whole row."""
    names = [shortened(labels[index], MAX_NAME_LENGTH) for index in order]
    count = len(order)
    counts = confusion[np.ix_(order, order)]
    with figure(side_in, side_in, texts=names) as made:
        axes = made.subplots()
        depths = _depths(counts, confusion.sum(axis=1)[list(order)])
        axes.imshow(_colored(depths), interpolation="nearest")
        axes.set_xlabel("predicted")
        axes.set_ylabel("true label")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if is_named:
            size = 9 if count <= MAX_NUMBERED else 7
            axes.set_xticks(range(count), names, rotation=0 if _fits_upright(names) else 90, fontsize=size)
            axes.set_yticks(range(count), names, fontsize=size)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(f"{count} labels, confused ones next to each other", fontweight="normal")
        axes.tick_params(length=0)
        if count <= MAX_NUMBERED:
            _write_counts(axes, counts, depths)
        elif is_named:
            _draw_guides(axes, count)
        return png_bytes(made)


def _depths(confusion: Counts, row_sums: Counts) -> npt.NDArray[np.float64]:
    """Return how deep the colour of each cell is, 0 to 1."""
    parts = confusion / np.maximum(row_sums[:, np.newaxis], 1)
    wrong = np.sqrt(parts)  # one mistake in a hundred is visible
    return np.asarray(np.where(np.eye(len(parts), dtype=bool), parts, wrong), np.float64)


def _colored(depths: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from matplotlib.colors import to_rgb

    diagonal = np.eye(len(depths), dtype=bool)[..., np.newaxis]
    full = np.where(diagonal, to_rgb(RIGHT_COLOR), to_rgb(WRONG_COLOR))
    return np.asarray(WHITE + depths[..., np.newaxis] * (full - WHITE), np.float64)


def _write_counts(axes: "Axes", confusion: Counts, depths: npt.NDArray[np.float64]) -> None:
    for row, column in zip(*np.nonzero(confusion), strict=True):
        color = "white" if row == column and depths[row, column] > DARK_CELL else INK
        axes.text(column, row, f"{confusion[row, column]}", ha="center", va="center", color=color, fontsize=9)


def _draw_guides(axes: "Axes", count: int) -> None:
    """Draw a fine line after every fifth row and column, along which the eye finds a cell's names."""
    for place in range(5, count, 5):
        axes.axhline(place - 0.5, color="0.9", linewidth=0.5, zorder=0.5)
        axes.axvline(place - 0.5, color="0.9", linewidth=0.5, zorder=0.5)


def _fits_upright(names: Sequence[str]) -> bool:
    return len(names) <= 6 and max(map(len, names)) <= 10
