"""Images with large light and dark shapes, as photos have them: each seed is another scene."""

from pathlib import Path

import cv2
import numpy as np

from edgecls import image


def scene(seed: int, *, height: int = 90, width: int = 120) -> image.Pixels:
    """Return a smooth colourful image, uint8 ``[height, width, 3]``."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (9, 12, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def write_scene(path: Path, seed: int, *, height: int = 90, width: int = 120) -> Path:
    """Write a scene as PNG, making the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.encode_png(scene(seed, height=height, width=width)))
    return path
