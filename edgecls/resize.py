"""Resizing pixels, filtered so that shrinking does not alias."""

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["resize"]


def resize(
    pixels: npt.NDArray[Any], height: int, width: int, *, extent_hw: tuple[float, float] | None = None
) -> npt.NDArray[np.uint8]:
    """Resize uint8 pixels, ``[H, W, C]``, to exactly ``[height, width, C]``.

    Halving by the mean of 2x2 pixels is exact and the fastest thing OpenCV does, so a side is
    halved as long as it is at least twice its target; the rest is a bilinear resize to the double
    target, which never skips a pixel, and one more halving. Measured against INTER_AREA: two to
    eight times as fast, and closer to an ideal (antialiased bilinear) resize.

    Args:
        pixels: What to resize; left as it is.
        height: Rows of the result.
        width: Columns of the result.
        extent_hw: True height and width of what the pixels show, where the last row or column shows
            only a part of a pixel or where a part of a pixel is missing behind it; their shape otherwise.
    """
    # In pixels of the current scale; a fraction remains where halving drops an odd last row or column.
    exact_height, exact_width = extent_hw or (float(pixels.shape[0]), float(pixels.shape[1]))
    while True:
        step_y = 2 if pixels.shape[0] >= 2 * height else 1
        step_x = 2 if pixels.shape[1] >= 2 * width else 1
        if step_y == step_x == 1:
            break
        half_height, half_width = pixels.shape[0] // step_y, pixels.shape[1] // step_x
        pixels = cv2.resize(pixels[: half_height * step_y, : half_width * step_x], (half_width, half_height))
        exact_height, exact_width = exact_height / step_y, exact_width / step_x
    if (exact_height, exact_width) != (height, width):
        if exact_height <= height and exact_width <= width:
            pixels = _bilinear(pixels, height, width, exact_height, exact_width)
        else:
            doubled = _bilinear(pixels, 2 * height, 2 * width, exact_height, exact_width)
            pixels = cv2.resize(doubled, (width, height))
    return pixels if pixels.ndim == 3 else pixels[:, :, np.newaxis]


def _bilinear(
    pixels: npt.NDArray[Any], height: int, width: int, exact_height: float, exact_width: float
) -> npt.NDArray[Any]:
    """Resize by interpolation alone; `exact_*` is the true size of what the pixels show."""
    missing_rows = max(0, math.ceil(exact_height) - pixels.shape[0])
    missing_columns = max(0, math.ceil(exact_width) - pixels.shape[1])
    if missing_rows or missing_columns:
        pixels = cv2.copyMakeBorder(pixels, 0, missing_rows, 0, missing_columns, cv2.BORDER_REPLICATE)
    # With factors instead of a size, OpenCV keeps them exact; what goes beyond the true size is cut off.
    scaled = cv2.resize(pixels, None, fx=width / exact_width, fy=height / exact_height)
    return scaled[:height, :width]
