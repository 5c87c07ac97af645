"""Images that may show one object, as frames of a film do, though they differ too much to be called duplicates.

They are compared by where their colours are, coarsely. That is evidence and no proof. Measured on 4,500 traffic signs
of 13 classes, in series of 30 frames of which four fifths were in train: of the others, 59 % were found; of the frames
of series of which none was in train, 14 % looked as much like another sign of their class. Of 2,693 photos of flowers,
each of something else, 1.5 % look so much like another one.
"""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from edgecls import image

__all__ = ["NEAR_LAYOUT", "Layouts", "color_layout", "has_neighbour"]

Layouts = npt.NDArray[np.float16]
"""Colours and where they are: float16, ``[N, 432]``, each row with mean 0 in every channel and length 1."""

NEAR_LAYOUT = 0.93  # correlation from which on two images may show one object

_SIDE = 12  # pixels
_AT_ONCE = 1024  # images on either side of a block that is compared at once


def color_layout(pixels: image.Pixels) -> Layouts:
    """Return the layout, float16 ``[432]``, of an image's pixels, uint8 ``[H, W, 3]``."""
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32)
    centred = (small - small.mean(axis=0)).ravel()
    return cast(Layouts, (centred / max(float(np.linalg.norm(centred)), 1e-6)).astype(np.float16))


def has_neighbour(layouts: Layouts, others: Layouts, *, least: float = NEAR_LAYOUT) -> npt.NDArray[np.bool_]:
    """Return for each of the layouts ``[N, 432]`` whether one of the others ``[M, 432]`` correlates so much with it."""
    found = np.zeros(len(layouts), bool)
    for start in range(0, len(layouts), _AT_ONCE):
        rows = layouts[start : start + _AT_ONCE].astype(np.float32)
        for other in range(0, len(others), _AT_ONCE):
            alike = rows @ others[other : other + _AT_ONCE].astype(np.float32).T
            found[start : start + _AT_ONCE] |= alike.max(axis=1) >= least
    return found
