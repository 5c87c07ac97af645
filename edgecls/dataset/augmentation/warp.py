"""Rotating, shifting, shearing, zooming and mirroring an image: one affine warp at full size."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError, ImageTooLargeError
from edgecls.image import Pixels

__all__ = ["Warp", "WarpLimits", "apply_warp", "draw_warp"]

MAX_SIDE = 32_766  # the longest that OpenCV warps


@dataclass(frozen=True)
class WarpLimits:
    """How far an image may be changed; each amount is drawn uniformly between minus and plus its limit.

    Attributes:
        rotation_deg: Degrees to rotate by in either direction, 0 to 180.
        shift: Fraction of width and height to shift by in either direction, 0 to below 1.
        shear_deg: Degrees to shear by in either direction, 0 to 60.
        zoom: Fraction to enlarge or shrink by, 0 to below 1.
        flip: Mirror half of the images, left to right.

    Raises:
        DatasetError: An amount is outside its limits.
    """

    rotation_deg: float = 15.0
    shift: float = 0.1
    shear_deg: float = 10.0
    zoom: float = 0.1
    flip: bool = True

    def __post_init__(self) -> None:
        limits = (("rotation_deg", 180.0), ("shift", 0.999), ("shear_deg", 60.0), ("zoom", 0.999))
        for name, highest in limits:
            if not 0 <= getattr(self, name) <= highest:
                raise DatasetError(f"{name} must be between 0 and {highest:g}, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class Warp:
    """The warp of one image.

    Attributes:
        rotation_deg: Degrees to rotate by, counterclockwise.
        shift_x: Fraction of the width to shift to the right by.
        shift_y: Fraction of the height to shift down by.
        shear_deg: Degrees by which vertical lines lean to the left.
        zoom: Factor on all lengths, above 0.
        flip: Whether left and right are swapped, before everything else.
    """

    rotation_deg: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    shear_deg: float = 0.0
    zoom: float = 1.0
    flip: bool = False


def draw_warp(limits: WarpLimits, rng: np.random.Generator) -> Warp:
    """Draw amounts at random; those of one kind do not depend on the limits of the others."""
    rotation, shift_x, shift_y, shear, zoom = rng.uniform(-1, 1, 5).tolist()
    return Warp(
        rotation_deg=rotation * limits.rotation_deg,
        shift_x=shift_x * limits.shift,
        shift_y=shift_y * limits.shift,
        shear_deg=shear * limits.shear_deg,
        zoom=1 + zoom * limits.zoom,
        flip=bool(rng.integers(2)) and limits.flip,
    )


def apply_warp(pixels: Pixels, warp: Warp) -> Pixels:
    """Warp an image about its centre; areas that come into view take the colour of the nearest edge.

    Args:
        pixels: uint8, ``[height, width, C]``; not modified.
        warp: The amounts.

    Returns:
        uint8, of the same shape.

    Raises:
        ImageTooLargeError: A side is longer than OpenCV can warp.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE:
        raise ImageTooLargeError(
            f"cannot warp an image of {width}x{height} pixels: no side may be longer than {MAX_SIDE}; scale it down"
        )
    matrix = _matrix(warp, height, width)
    warped = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8).reshape(pixels.shape)


def _matrix(warp: Warp, height: int, width: int) -> npt.NDArray[np.float64]:
    """Return the 2x3 matrix from where a pixel was to where it goes; x to the right, y down."""
    turn, lean = math.radians(warp.rotation_deg), math.tan(math.radians(warp.shear_deg))
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    mirror = np.diag([-1.0 if warp.flip else 1.0, 1.0])
    shear = np.array([[1.0, lean], [0.0, 1.0]])
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    linear = warp.zoom * rotation @ shear @ mirror
    move = middle - linear @ middle + (warp.shift_x * width, warp.shift_y * height)
    return np.column_stack([linear, move])
