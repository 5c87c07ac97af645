"""Images to teach with: noisy patches of one colour, which look neither alike nor blank."""

import numpy as np

from edgecls import image

COLORS = {"red": (200, 40, 50), "green": (50, 180, 60), "blue": (60, 90, 210)}


def taught_image(color: str, number: int) -> bytes:
    """Return a PNG of a colour; each number gives another one."""
    rng = np.random.default_rng([number, *COLORS[color]])
    coarse = rng.normal(0, 35, (6, 8, 1)).repeat(8, axis=0).repeat(8, axis=1)
    pixels = np.clip(np.array(COLORS[color]) + coarse + rng.normal(0, 8, (48, 64, 3)), 0, 255)
    return image.encode_png(pixels.astype(np.uint8))
