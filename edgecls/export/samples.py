"""A few real pictures of the user's: the golden samples of a model file that has none yet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.errors import DatasetError, ImageError
from edgecls.export.proof import MAX_GOLDEN_SAMPLES
from edgecls.image_spec import ImageSpec
from edgecls.picture_files import find_pictures

__all__ = ["read_samples"]


def read_samples(folder: Path, spec: ImageSpec) -> dict[str, npt.NDArray[np.uint8]]:
    """Return up to MAX_GOLDEN_SAMPLES pictures spread evenly over a folder, by their names in it.

    Raises:
        DatasetError: It has no picture that can be decoded.
    """
    paths = find_pictures(folder)
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
        raise DatasetError(f"{str(folder)!r} has no usable picture; give a folder with a few real ones")
    return usable


def _spread(paths: Sequence[Path]) -> list[Path]:
    """Return all paths, beginning with MAX_GOLDEN_SAMPLES of them at even distances."""
    step = max(1, len(paths) // MAX_GOLDEN_SAMPLES)
    first = list(range(0, len(paths), step))
    return [paths[index] for index in [*first, *sorted(set(range(len(paths))) - set(first))]]
