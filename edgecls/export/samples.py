"""Images for the golden samples of a model file: real ones from a folder, or made-up ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import DatasetError, ImageError
from edgecls.export.proof import MAX_GOLDEN_SAMPLES
from edgecls.image_files import find_images
from edgecls.image_spec import ImageSpec

__all__ = ["made_up_samples", "read_samples"]

BLOBS = 6  # discs of colour in a made-up image


def read_samples(folder: Path, spec: ImageSpec) -> dict[str, npt.NDArray[np.uint8]]:
    """Return up to MAX_GOLDEN_SAMPLES images spread evenly over a folder, by their names in it.

    Raises:
        DatasetError: It has no image that can be decoded.
    """
    paths = find_images(folder)
    usable = {}
    for path in _spread(paths):
        try:
            pixels = image.decode_to_fit(image.read_file(path), spec, name=str(path))
        except ImageError:
            continue
        usable[path.relative_to(folder).as_posix()] = pixels
        if len(usable) == MAX_GOLDEN_SAMPLES:
            break
    if not usable:
        raise DatasetError(f"{str(folder)!r} has no usable image; give a folder with a few real ones")
    return usable


def made_up_samples(spec: ImageSpec) -> dict[str, npt.NDArray[np.uint8]]:
    """Return MAX_GOLDEN_SAMPLES made-up images of coloured discs, always the same, where there are no real ones.

    They show whether a network still computes the same, not whether it is accurate.
    """
    height, width, channels = spec.shape_hwc
    rows, columns = np.mgrid[0:height, 0:width]
    images = {}
    for index in range(MAX_GOLDEN_SAMPLES):
        rng = np.random.default_rng(seed=index)
        pixels = np.full(spec.shape_hwc, rng.integers(0, 256, channels), np.uint8)
        for _ in range(BLOBS):
            row, column = rng.uniform(0, height), rng.uniform(0, width)
            inside = np.hypot(rows - row, columns - column) < rng.uniform(0.1, 0.4) * max(height, width)
            pixels[inside] = rng.integers(0, 256, channels)
        images[f"made-up image {index + 1}"] = pixels
    return images


def _spread(paths: Sequence[Path]) -> list[Path]:
    """Return all paths, beginning with MAX_GOLDEN_SAMPLES of them at even distances."""
    step = max(1, len(paths) // MAX_GOLDEN_SAMPLES)
    first = list(range(0, len(paths), step))
    return [paths[index] for index in [*first, *sorted(set(range(len(paths))) - set(first))]]
