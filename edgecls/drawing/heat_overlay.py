"""Laying heat over a picture, so that both can be seen."""

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["lay_over"]

COLOR_MAP = cv2.COLORMAP_INFERNO
"""Its lightness grows steadily, so that it also reads without colour vision, and printed in grey."""

GRAYING = 0.7  # how far the picture gives up its own colours, which would be taken for heat
MAX_OPACITY = 0.65  # where the heat is 1; the picture can be seen through it
FAINTEST = 0.05  # heat below this is left out: it would only stain the picture
LINE_AT = 0.5
UNSEEN_LIGHT = 0.4  # of the part that the model does not see

_GRAYSCALE = np.array([0.299, 0.587, 0.114], np.float32)


def lay_over(
    pixels: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32], *, seen: tuple[slice, slice]
) -> npt.NDArray[np.uint8]:
    """Return a picture with heat laid over it: the hotter, the lighter and the less transparent.

    A line goes round where the heat is above a half. What the model does not see is darkened.

    Args:
        pixels: uint8, ``[H, W, 3]`` RGB; left as it is.
        heat: float32, ``[H, W]``, from 0 to 1.
        seen: Rows and columns that the model sees.

    Returns:
        uint8, ``[H, W, 3]`` RGB.
    """
    gray = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    base = cv2.addWeighted(pixels, 1 - GRAYING, gray, GRAYING, 0)
    colors = cv2.cvtColor(cv2.applyColorMap(np.round(heat * 255).astype(np.uint8), COLOR_MAP), cv2.COLOR_BGR2RGB)
    opacity = MAX_OPACITY * np.clip((heat - FAINTEST) / (1 - FAINTEST), 0, 1)
    laid = np.asarray(cv2.blendLinear(colors, base, opacity, 1 - opacity), np.uint8)
    _draw_line(laid, heat)
    darkened = cv2.convertScaleAbs(laid, alpha=UNSEEN_LIGHT)
    darkened[seen] = laid[seen]
    return np.asarray(darkened, np.uint8)


def _draw_line(pixels: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32]) -> None:
    """Draw a light line with a dark edge, which shows on every ground."""
    outlines, _ = cv2.findContours((heat >= LINE_AT).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    thickness = max(1, round(max(pixels.shape) / 500))
    cv2.drawContours(pixels, outlines, -1, (20, 20, 20), thickness + 2, cv2.LINE_AA)
    cv2.drawContours(pixels, outlines, -1, (255, 255, 255), thickness, cv2.LINE_AA)
