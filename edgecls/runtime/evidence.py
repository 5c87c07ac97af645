"""What speaks for a label, place by place: from a network's class activation, or by covering parts of the image."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from edgecls.image_spec import Placement
from edgecls.runtime.receptive_field import CellAxis

__all__ = ["Evidence", "Method", "evidence_of_activation", "evidence_of_drops", "log_odds_drops"]

CELLS = 10  # a side of the grid of occlusion
REACH = 1  # cells that the patch reaches beyond its own, on each side
BATCH = 10  # images that run at once
TINY = 1e-30  # probabilities below this count as this, so that logarithms stay finite
MIN_DROP = 0.1  # of the log-odds; where no part of an image makes more of a difference, the heat stays faint


class Method(StrEnum):
    """How it was found out what an answer rests on."""

    CLASS_ACTIVATION = "class activation"
    OCCLUSION = "occlusion"


@dataclass(frozen=True)
class Evidence:
    """What speaks for a label, place by place.

    Attributes:
        grid: float32, ``[rows, columns]``, from 0 to 1.
        method: How it was found.
        covers_padding: The grid lies over all that the model sees, black around the image included; if false, over
            the seen part of the image.
        axes: Where its rows and columns look, in pixels of the model's input; None if they divide it evenly.
    """

    grid: npt.NDArray[np.float32]
    method: Method
    covers_padding: bool
    axes: tuple[CellAxis, CellAxis] | None = None


def evidence_of_activation(
    activation: npt.NDArray[np.float32], *, label: int, axes: tuple[CellAxis, CellAxis] | None = None
) -> Evidence:
    """Return where a class activation speaks for one label more than for the others.

    A softmax sees only by how much labels differ. So the mean over all labels is taken off at each place, what then
    speaks against the label counts as nothing, and the strongest place as 1.

    Args:
        activation: float32, ``[h, w, K]``.
        label: The number of the label.
        axes: Where its rows and columns look, as `receptive_field.cell_axes` gives it; not used if it has another
            number of them.
    """
    if axes is not None and tuple(axis.cells for axis in axes) != activation.shape[:2]:
        axes = None
    surplus = np.maximum(0, activation[..., label] - activation.mean(axis=-1))
    return Evidence(surplus / (surplus.max() or 1), Method.CLASS_ACTIVATION, covers_padding=True, axes=axes)


def evidence_of_drops(drops: npt.NDArray[np.float32]) -> Evidence:
    """Return where a label loses when the place is covered; the largest loss counts as 1.

    What covers a cell covers its neighbours too. So a cell counts by the mean of all drops with which it was covered:
    then the place that each of them covered is hotter than those around it.

    Args:
        drops: As `occlusion.log_odds_drops` gives them. If none is above MIN_DROP, that counts as 1.
    """
    losses = _mean_with_neighbours(np.maximum(0, drops))
    scale = max(MIN_DROP, float(losses.max()))
    return Evidence(np.asarray(losses / scale, np.float32), Method.OCCLUSION, covers_padding=False)


def _mean_with_neighbours(grid: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return for each cell the mean of itself and the cells around it that are there."""
    reach = ((0, 0), (REACH, REACH), (REACH, REACH))
    padded = np.pad(np.stack([grid, np.ones_like(grid)]).astype(np.float64), reach)
    height, width = grid.shape
    sums, counts = np.zeros((2, height, width))
    for y in range(2 * REACH + 1):
        for x in range(2 * REACH + 1):
            sums += padded[0, y : y + height, x : x + width]
            counts += padded[1, y : y + height, x : x + width]
    return np.asarray(sums / counts, np.float64)


def log_odds_drops(
    run: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    image: npt.NDArray[np.uint8],
    placed: Placement,
    *,
    label: int,
) -> npt.NDArray[np.float32]:
    """Cover one part of an image after the other with its mean colour, and look what the label loses.

    The parts are the cells of a grid, each with its neighbours, so that they overlap. The loss is one of log-odds: the
    probability of a confident network stays close to 1 whatever is covered.

    Args:
        run: Gives float32 probabilities ``[N, K]`` for uint8 images ``[N, height, width, C]``.
        image: uint8, ``[height, width, C]`` at the model's size.
        placed: Where the image lies in there; what is around it is not covered.
        label: The number of the label.

    Returns:
        What the natural logarithm of the label's odds falls by when that cell of the seen part is covered, float32
        ``[rows, columns]``; below 0 where it rises.
    """
    inner = image[placed.inner]
    mean = np.round(inner.mean(axis=(0, 1))).astype(np.uint8)
    rows, columns = _patches(inner.shape[0]), _patches(inner.shape[1])
    patches = [(row, column) for row in rows for column in columns]
    found = []
    for start in range(0, len(patches), BATCH):
        chunk = patches[start : start + BATCH]
        covered = np.repeat(image[np.newaxis], len(chunk), axis=0)
        for one, patch in zip(covered, chunk, strict=True):
            one[placed.inner][patch] = mean
        found.append(_log_odds(run(covered), label))
    before = _log_odds(run(image[np.newaxis]), label)
    return (before - np.concatenate(found)).astype(np.float32).reshape(len(rows), len(columns))


def _log_odds(probabilities: npt.NDArray[np.float32], label: int) -> npt.NDArray[np.float64]:
    others = np.delete(probabilities, label, axis=1).sum(axis=1, dtype=np.float64)  # keeps digits that 1 - p loses
    odds = np.maximum(TINY, probabilities[:, label]) / np.maximum(TINY, others)
    return np.asarray(np.log(odds), np.float64)


def _patches(side: int) -> list[slice]:
    """Return what is covered of so many rows or columns, cell by cell."""
    cells = min(CELLS, side)
    edges = [round(side * cell / cells) for cell in range(cells + 1)]
    return [slice(edges[max(0, cell - REACH)], edges[min(cells, cell + REACH + 1)]) for cell in range(cells)]
