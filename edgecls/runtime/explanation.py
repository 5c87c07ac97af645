"""Which places of an image an answer rests on."""

from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.drawing.overlays import lay_over
from edgecls.image import Pixels
from edgecls.image_spec import ImageSpec, Placement
from edgecls.resize import resize
from edgecls.runtime.occlusion import REACH
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.receptive_field import CellAxis

__all__ = [
    "MAX_SIDE",
    "MIN_SIDE",
    "Evidence",
    "Explanation",
    "Method",
    "evidence_of_activation",
    "evidence_of_drops",
    "for_viewing",
]

MIN_SIDE, MAX_SIDE = 480, 1280  # pixels of the longer side


def for_viewing(pixels: Pixels, *, max_side: int = MAX_SIDE) -> Pixels:
    """Shrink an image that is larger than needed, enlarge one too small to see much, and return others as they are.

    Args:
        pixels: uint8, ``[H, W, C]``.
        max_side: Most pixels of the longer side; the least are MIN_SIDE, or this if it is less.
    """
    height, width = pixels.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, MIN_SIDE), max_side) / longer
    if scale == 1:
        return pixels
    return resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))


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


@dataclass(frozen=True)
class Explanation:
    """An answer and what it rests on.

    Attributes:
        prediction: The answer for the image.
        label: The label that is explained.
        probability: That of the label.
        pixels: The image as decoded, uint8 ``[H, W, 3]`` RGB.
        evidence: What speaks for the label.
    """

    prediction: Prediction
    label: str
    probability: float
    pixels: image.Pixels = field(repr=False)
    evidence: Evidence = field(repr=False)
    _spec: ImageSpec

    @property
    def method(self) -> Method:
        """How it was found out what the label rests on."""
        return self.evidence.method

    @property
    def resolution(self) -> tuple[int, int]:
        """Rows and columns of places that were told apart; between them the heat is interpolated."""
        rows, columns = self.evidence.grid.shape
        return rows, columns

    @property
    def heat(self) -> npt.NDArray[np.float32]:
        """How much each pixel of the image speaks for the label: float32 ``[H, W]``, from 0 to 1.

        1 is the strongest place of this image, 0 is no evidence for the label or evidence against it; so
        the heat of two images cannot be compared. Where the model does not see the image, as beside
        the centre that is cut out, it is 0. It is computed anew each time.
        """
        return self._heat(*self.pixels.shape[:2])

    def overlay(self, *, max_side: int = MAX_SIDE) -> image.Pixels:
        """Return the image with the heat laid over it, uint8 ``[h, w, 3]`` RGB.

        Args:
            max_side: Most pixels of the longer side; a larger image is shrunk. One of less than 480 is enlarged.
        """
        shown = for_viewing(self.pixels, max_side=max_side)
        height, width = shown.shape[:2]
        placed = self._spec.place(height, width)
        return lay_over(shown, self._heat(height, width), seen=placed.seen)

    def overlay_png(self, *, max_side: int = MAX_SIDE) -> bytes:
        """Return the overlay as PNG.

        Args:
            max_side: As for `overlay`.
        """
        return image.encode_png(self.overlay(max_side=max_side), compression=1)

    def _heat(self, height: int, width: int) -> npt.NDArray[np.float32]:
        """Return the heat for the image at some size."""
        placed = self._spec.place(height, width)
        rows, columns = _extents(placed, self._spec, self.evidence)
        grid = self.evidence.grid
        down = _weights(height, placed.seen[0], rows, cells=grid.shape[0])
        across = _weights(width, placed.seen[1], columns, cells=grid.shape[1])
        # Not numpy's product, whose threads go on spinning for a while and take the cores from the other images.
        nothing = np.empty(0, np.float32)  # would be added
        spread = cv2.gemm(cv2.gemm(down, grid, 1, nothing, 0), across, 1, nothing, 0, flags=cv2.GEMM_2_T)
        # Spreading flattens peaks; they get their height back.
        return np.asarray(spread * (grid.max() / (spread.max() or 1)), np.float32)


_Extent = tuple[float, float]
"""Where a grid begins and how long it is, in pixels of the image."""


def _extents(placed: Placement, spec: ImageSpec, evidence: Evidence) -> tuple[_Extent, _Extent]:
    """Return the rows and the columns that a grid lies over."""
    if not evidence.covers_padding:
        return (placed.top, placed.height), (placed.left, placed.width)
    per_row, per_column = placed.height / placed.inner_height, placed.width / placed.inner_width
    spans = [(0.0, float(side)) for side in (spec.height, spec.width)]  # in pixels of the model's input
    if evidence.axes is not None:
        spans = [(axis.first - axis.step / 2, axis.step * axis.cells) for axis in evidence.axes]
    (top, height), (left, width) = spans
    rows = (placed.top + (top - placed.inner_top) * per_row, height * per_row)
    columns = (placed.left + (left - placed.inner_left) * per_column, width * per_column)
    return rows, columns


def _weights(count: int, seen: slice, extent: _Extent, *, cells: int) -> npt.NDArray[np.float32]:
    """Return how much of each cell's value each pixel of a row or column takes, ``[count, cells]``.

    By a cubic B-spline, which is smooth and, unlike other cubic interpolation, never leaves the range of the values.
    Beyond the middles of the outermost cells the values stay: there a spline would go on to a peak at the very edge.
    """
    start, length = extent
    positions = np.clip((np.arange(count) + 0.5 - start) * (cells / length), 0.5, cells - 0.5)
    distance = np.abs(positions[:, np.newaxis] - (np.arange(cells) + 0.5))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(0, 2 - distance) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[: seen.start] = weights[seen.stop :] = 0
    return np.asarray(weights, np.float32)
