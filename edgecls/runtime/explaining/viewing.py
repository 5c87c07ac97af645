"""Bringing pictures to a size at which people can look at them."""

from edgecls.image import Pixels
from edgecls.resize import resize

__all__ = ["MAX_SIDE", "MIN_SIDE", "for_viewing"]

MIN_SIDE, MAX_SIDE = 480, 1280  # pixels of the longer side


def for_viewing(pixels: Pixels, *, max_side: int = MAX_SIDE) -> Pixels:
    """Shrink a picture that is larger than needed, enlarge one too small to see much, and return others as they are.

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
