"""The tiny model with a reference, and images like those that it comes from."""

from pathlib import Path

import numpy as np
from familiar_model import familiar_model_bytes

from edgecls import image
from edgecls.export.reference import model_with_reference
from edgecls.modelfile import ModelFile, model_from_bytes

HELD_OUT = 80

__all__ = ["HELD_OUT", "encoded_images", "referenced_model", "write_images"]


def encoded_images(count: int, *, seed: int, darker: float = 1.0) -> list[bytes]:
    """Return PNGs of three colours in turn, of many brightnesses and three shapes."""
    chance = np.random.default_rng(seed)
    encoded = []
    for number in range(count):
        height, width = ((12, 16), (16, 12), (14, 14))[chance.integers(3)]
        pixels = chance.uniform(0, 90, (height, width, 3)) + chance.uniform(0, 60)
        pixels[:, :, number % 3] += 100
        encoded.append(image.encode_png((pixels * darker).clip(0, 255).astype(np.uint8), compression=1))
    return encoded


def write_images(folder: Path, count: int, *, seed: int, darker: float = 1.0) -> list[Path]:
    """Write such images into a new folder, and return their paths."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number:04}.png" for number in range(count)]
    for path, data in zip(paths, encoded_images(count, seed=seed, darker=darker), strict=True):
        path.write_bytes(data)
    return paths


def referenced_model(folder: Path) -> ModelFile:
    """Return the tiny model with familiarity and a reference; `folder` is made for its held-out images."""
    model = model_from_bytes(familiar_model_bytes(), name="colors")
    return model_with_reference(model, write_images(folder, HELD_OUT, seed=1))
