"""Folders of images that a network can learn in seconds: each label has its own colour."""

from pathlib import Path

import numpy as np

from edgecls import image

COLORS = {"红 roses": (200, 40, 50), "绿 grass": (50, 180, 60), "蓝 sky": (60, 90, 210)}


def write_class_folders(root: Path, *, per_label: int = 20, seed: int = 0) -> Path:
    """Write PNG images of assorted sizes into a folder for each label, and return the root."""
    rng = np.random.default_rng(seed)
    for label, color in COLORS.items():
        (root / label).mkdir(parents=True)
        for index in range(per_label):
            height, width = rng.integers(24, 60, 2)
            noise = rng.normal(0, 30, (height, width, 3))
            pixels = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
            (root / label / f"照片 {index:02d}.png").write_bytes(image.encode_png(pixels))
    return root
