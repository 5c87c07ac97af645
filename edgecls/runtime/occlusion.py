"""Occlusion: how much a label loses when a part of the image is covered."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edgecls.image_spec import Placement

__all__ = ["REACH", "log_odds_drops"]

CELLS = 10  # a side of the grid
REACH = 1  # cells that the patch reaches beyond its own, on each side
BATCH = 10  # images that run at once
TINY = 1e-30  # probabilities below this count as this, so that logarithms stay finite


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
