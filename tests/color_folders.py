"""Class folders for the tiny model: images of one colour each, some of them in the wrong folder."""

from pathlib import Path

import numpy as np

from edgecls import image

PURE = {"red": (250, 10, 20), "green": (5, 240, 30), "blue": (12, 30, 245)}


def write_image(path: Path, color: tuple[int, int, int], *, size_hw: tuple[int, int] = (12, 16)) -> Path:
    """Write a PNG of one colour, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.encode_png(np.full((*size_hw, 3), color, np.uint8)))
    return path


def write_color_folders(root: Path) -> Path:
    """Write four red, three green and two blue images; one of the green is in the folder of the red ones.

    So the tiny model gets 8 of 9 right.
    """
    for index in range(3):
        write_image(root / "red" / f"{index}.png", PURE["red"])
        write_image(root / "green" / f"{index}.png", PURE["green"])
    write_image(root / "red" / "3 in truth green.png", PURE["green"])
    for index in range(2):
        write_image(root / "blue" / f"{index}.png", PURE["blue"])
    return root
