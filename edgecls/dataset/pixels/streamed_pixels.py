"""Pictures that are decoded when they are asked for, for datasets larger than memory and disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.image_spec import ImageSpec

__all__ = ["StreamedPixels"]


class StreamedPixels:
    """Looks like an array of pictures, uint8 ``[N, height, width, channels]``, and keeps none of them.

    May be used from several threads at once.
    """

    def __init__(self, paths: Sequence[Path], spec: ImageSpec) -> None:
        self._paths = paths
        self._spec = spec
        self.shape = (len(paths), *spec.shape_hwc)
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, indices: int | Sequence[int] | npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """Return one picture, ``[H, W, C]``, or several, ``[n, H, W, C]``.

        Raises:
            ImageError: A picture cannot be decoded any more.
        """
        if isinstance(indices, int | np.integer):
            return self._decoded(int(indices))
        pixels = np.empty((len(indices), *self._spec.shape_hwc), np.uint8)
        for row, index in enumerate(indices):
            pixels[row] = self._decoded(int(index))
        return pixels

    def _decoded(self, index: int) -> npt.NDArray[np.uint8]:
        path = self._paths[index]
        return image.decode_to_fit(image.read_file(path), self._spec, name=str(path))
