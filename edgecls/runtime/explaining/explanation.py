"""Which places of a picture an answer rests on."""

from dataclasses import dataclass, field
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.drawing.heat_overlay import lay_over
from edgecls.image_spec import ImageSpec, Placement
from edgecls.runtime.explaining.viewing import MAX_SIDE, for_viewing
from edgecls.runtime.prediction import Prediction

__all__ = ["Evidence", "Explanation", "Method", "evidence_of_activation", "evidence_of_drops"]

MIN_DROP = 0.1  # of the log-odds; where no part of a picture makes more of a difference, the heat stays faint


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
        covers_padding: The grid lies over all that the model sees, black around the picture included; if false, over
            the seen part of the picture.
    """

    grid: npt.NDArray[np.float32]
    method: Method
    covers_padding: bool


def evidence_of_activation(activation: npt.NDArray[np.float32], *, label: int) -> Evidence:
    """Return where a class activation speaks for one label more than for the others.

    A softmax sees only by how much labels differ. So the mean over all labels is taken off at each place, what then
    speaks against the label counts as nothing, and the strongest place as 1.

    Args:
        activation: float32, ``[h, w, K]``.
        label: The number of the label.
    """
    surplus = np.maximum(0, activation[..., label] - activation.mean(axis=-1))
    return Evidence(surplus / (surplus.max() or 1), Method.CLASS_ACTIVATION, covers_padding=True)


def evidence_of_drops(drops: npt.NDArray[np.float32]) -> Evidence:
    """Return where a label loses when the place is covered; the largest loss counts as 1.

    Args:
        drops: As `occlusion.log_odds_drops` gives them. If none is above MIN_DROP, that counts as 1.
    """
    losses = np.maximum(0, drops)
    return Evidence(losses / max(MIN_DROP, losses.max()), Method.OCCLUSION, covers_padding=False)


@dataclass(frozen=True)
class Explanation:
    """An answer and what it rests on.

    Attributes:
        prediction: The answer for the picture.
        label: The label that is explained.
        probability: That of the label.
        pixels: The picture as decoded, uint8 ``[H, W, 3]`` RGB.
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
    def heat(self) -> npt.NDArray[np.float32]:
        """How much each pixel of the picture speaks for the label: float32 ``[H, W]``, from 0 to 1.

        1 is the strongest place of this picture, 0 is no evidence for the label or evidence against it; so
        the heat of two pictures cannot be compared. Where the model does not see the picture, as beside
        the centre that is cut out, it is 0. It is computed anew each time.
        """
        return self._heat(*self.pixels.shape[:2])

    def overlay(self, *, max_side: int = MAX_SIDE) -> image.Pixels:
        """Return the picture with the heat laid over it, uint8 ``[h, w, 3]`` RGB.

        Args:
            max_side: Most pixels of the longer side; a larger picture is shrunk. One of less than 480 is enlarged.
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
        """Return the heat for the picture at some size."""
        placed = self._spec.place(height, width)
        rows, columns = _extents(placed, self._spec, covers_padding=self.evidence.covers_padding)
        grid = self.evidence.grid
        down = _weights(height, placed.seen[0], rows, cells=grid.shape[0])
        across = _weights(width, placed.seen[1], columns, cells=grid.shape[1])
        # Not numpy's product, whose threads go on spinning for a while and take the cores from the other pictures.
        nothing = np.empty(0, np.float32)  # would be added
        spread = cv2.gemm(cv2.gemm(down, grid, 1, nothing, 0), across, 1, nothing, 0, flags=cv2.GEMM_2_T)
        # Spreading flattens peaks; they get their height back.
        return np.asarray(spread * (grid.max() / (spread.max() or 1)), np.float32)


_Extent = tuple[float, float]
"""Where a grid begins and how long it is, in pixels of the picture."""


def _extents(placed: Placement, spec: ImageSpec, *, covers_padding: bool) -> tuple[_Extent, _Extent]:
    """Return the rows and the columns that a grid lies over."""
    if not covers_padding:
        return (placed.top, placed.height), (placed.left, placed.width)
    per_row, per_column = placed.height / placed.inner_height, placed.width / placed.inner_width
    rows = (placed.top - placed.inner_top * per_row, spec.height * per_row)
    columns = (placed.left - placed.inner_left * per_column, spec.width * per_column)
    return rows, columns


def _weights(count: int, seen: slice, extent: _Extent, *, cells: int) -> npt.NDArray[np.float32]:
    """Return how much of each cell's value each pixel of a row or column takes, ``[count, cells]``.

    By a cubic B-spline, which is smooth and, unlike other cubic interpolation, never leaves the range of the values.
    """
    start, length = extent
    positions = np.clip((np.arange(count) + 0.5 - start) * (cells / length), 0, cells)
    distance = np.abs(positions[:, np.newaxis] - (np.arange(cells) + 0.5))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(0, 2 - distance) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[: seen.start] = weights[seen.stop :] = 0
    return np.asarray(weights, np.float32)
