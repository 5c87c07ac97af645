"""What an image looks like, whatever it shows: four numbers that are compared with those of held-out images."""

from typing import NamedTuple

import cv2
import numpy as np

from edgecls.image import Pixels

__all__ = ["Appearance", "appearance_of"]

ENOUGH = 112  # rows and columns, of which a larger input is thinned out


class Appearance(NamedTuple):
    """What an image looks like.

    Attributes:
        brightness: Mean level of green, 0 to 255.
        contrast: Standard deviation of the level of green.
        sharpness: Standard deviation of its second derivative, as a multiple of the contrast.
        side_ratio: Width of the upright image by its height; None if unknown.
    """

    brightness: float
    contrast: float
    sharpness: float
    side_ratio: float | None


def appearance_of(pixels: Pixels, image_hw: tuple[int, int] | None) -> Appearance:
    """Return what an image looks like, at the size of a network's input, where that costs little.

    Args:
        pixels: uint8, ``[height, width, C]``.
        image_hw: Height and width of the image before it was brought to that size; None if unknown.
    """
    step = max(1, min(pixels.shape[:2]) // ENOUGH)
    level = np.ascontiguousarray(pixels[::step, ::step, min(1, pixels.shape[2] - 1)])
    mean, deviation = cv2.meanStdDev(level)
    contrast = float(deviation[0, 0])
    edges = float(cv2.meanStdDev(cv2.Laplacian(level, cv2.CV_16S))[1][0, 0])
    ratio = None if image_hw is None or not all(image_hw) else image_hw[1] / image_hw[0]
    return Appearance(float(mean[0, 0]), contrast, edges / max(1.0, contrast), ratio)
