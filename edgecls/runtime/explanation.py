"""An answer explained: which places of an image it rests on, as numbers and as a drawing."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.drawing.overlays import lay_over
from edgecls.image import Pixels
from edgecls.image_limits import ImageLimits
from edgecls.image_spec import ImageSpec, Placement
from edgecls.resize import resize
from edgecls.runtime.answers import ImageAnswer
from edgecls.runtime.evidence import Evidence, Method, evidence_of_activation, evidence_of_drops, log_odds_drops
from edgecls.runtime.image_input import decoded, fitted
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.session import Session

__all__ = ["MAX_SIDE", "MIN_SIDE", "Explanation", "explain", "for_viewing"]

MIN_SIDE, MAX_SIDE = 480, 1280  # pixels of the longer side
NOTEBOOK_SIDE = 320  # the same in a notebook, which is kept small

_Extent = tuple[float, float]
"""Where a grid begins and how long it is, in pixels of the image."""


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
    _spec: ImageSpec = field(repr=False)

    @property
    def method(self) -> Method:
        """How it was found out what the label rests on."""
        return self.evidence.method

    @property
    def resolution(self) -> tuple[int, int]:
        """Rows and columns of the evidence; between them the heat is interpolated."""
        rows, columns = self.evidence.grid.shape
        return rows, columns

    @property
    def heat(self) -> npt.NDArray[np.float32]:
        """How much each pixel of the image speaks for the label: float32 ``[H, W]``, from 0 to 1.

        1 is the strongest place of this image, 0 is no evidence for the label or evidence against it; so
        the heat of two images cannot be compared. Where the model does not see the image, as outside
        a centre crop, it is 0. It is computed on each access.
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

    def _repr_html_(self) -> str:
        """Return the explanation as notebooks show it: the image with the heat, as PNG, and what it speaks for."""
        from edgecls.notebook import bold, escaped

        encoded = base64.b64encode(image.encode_png(self.overlay(max_side=NOTEBOOK_SIDE))).decode()
        title = f"{bold(self.label)} {self.probability:.4f} {escaped(self.prediction.image)}"
        facts = f"by {self.method.value}, {self.resolution[0]}x{self.resolution[1]} cells"
        if self.label != self.prediction.label:
            facts += f"; the answer is {self.prediction.described}"
        return (
            f'<div><div>{title}</div><img alt="" src="data:image/png;base64,{encoded}" style="max-width:100%">'
            f'<div style="opacity:0.7">{escaped(facts)}</div></div>'
        )

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


def explain(
    session: Session,
    content: bytes | Pixels,
    *,
    label: str | None,
    name: str,
    limits: ImageLimits,
    judge: Callable[[ImageAnswer, str, float, float], Prediction],
) -> Explanation:
    """Classify an image, and find out which places of it the answer rests on.

    Args:
        session: By its class activation if it was opened with one, otherwise by occlusion.
        content: As `image_input.read_input` gives it.
        label: One of the model's labels; None for the most probable.
        name: What to call the image in the answer and in errors.
        limits: Bounds on bytes and pixels.
        judge: Makes the prediction, as `Classifier.judge` does.

    Raises:
        ImageTooLargeError: The image has more bytes or pixels than the limits allow.
        ImageDecodeError: It is not a whole image in a supported format.
        ProviderError: The provider failed while running.
    """
    card, spec = session.card, session.card.image
    start_s = time.perf_counter()
    seen = fitted(content, spec, name=name, limits=limits)
    fitted_s = time.perf_counter()
    answers, activation = session.run_explained(seen)
    elapsed_ms, decode_ms = 1000 * (time.perf_counter() - start_s), 1000 * (fitted_s - start_s)
    prediction = judge(next(answers.images()), name, elapsed_ms, decode_ms)
    pixels = decoded(content, name=name, limits=limits)
    explained = prediction.best_label if label is None else label
    index = card.labels.index(explained)
    if activation is not None:
        evidence = evidence_of_activation(activation[0], label=index, axes=session.cell_axes)
    else:
        evidence = evidence_of_drops(log_odds_drops(session.run, seen, spec.place(*pixels.shape[:2]), label=index))
    return Explanation(prediction, explained, prediction.probabilities[index], pixels, evidence, spec)


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
