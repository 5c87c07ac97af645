"""The features that a head is fitted to: those of several views of each image."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgecls.dataset.pixel_cache import StreamedPixels
from edgecls.errors import ImageError
from edgecls.export.familiarity.features import compute_features
from edgecls.models.classical.features import Backbone, Features, features_network
from edgecls.models.classical.registry import FeatureRows
from edgecls.training.images import PreparedImages
from edgecls.training.quick.config import QuickConfig

__all__ = ["Views", "compute_rows", "views_for"]

PASSES = 8000
"""Runs of the backbone that training may take, as long as there are fewer images: half a minute of two cores."""

MOST_VIEWS = 8  # of one image
MIRRORED = 0.5  # of the cuts
SMALLEST_CROP, LARGEST_CROP = 0.4, 0.8  # of the area of an image


def views_for(images: int) -> int:
    """Return how many views of each of so many training images the head is fitted to."""
    return min(MOST_VIEWS, max(1, PASSES // images))


class Views:
    """Views of images by their numbers: the images as they are, then all of them mirrored, then cuts of them.

    Args:
        pixels: The images.
        count: Their number, N; number N + 3 is the second view of image 3.
        seed: Of the cuts.
        flip: Whether views are mirrored.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8] | StreamedPixels, count: int, *, seed: int, flip: bool) -> None:
        self._pixels, self._count, self._seed, self._flip = pixels, count, seed, flip

    def __getitem__(self, number: int, /) -> npt.NDArray[np.uint8]:
        view, index = divmod(number, self._count)
        pixels = self._pixels[index]
        if view == 0:
            return pixels
        if view == 1 and self._flip:
            return np.ascontiguousarray(pixels[:, ::-1])
        rng = np.random.default_rng([self._seed, view, index])
        height, width = pixels.shape[:2]
        share = np.sqrt(rng.uniform(SMALLEST_CROP, LARGEST_CROP))
        rows, columns = round(height * share), round(width * share)
        top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
        cut = np.ascontiguousarray(pixels[top : top + rows, left : left + columns])
        resized = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return np.ascontiguousarray(resized[:, ::-1]) if self._flip and rng.random() < MIRRORED else resized


def compute_rows(
    images: PreparedImages,
    backbone: Backbone,
    views: int,
    config: QuickConfig,
    folder: Path,
    on_progress: Callable[[int, int], None],
) -> FeatureRows:
    """Return the features of the training images, then of their other views, then of the validation images.

    Args:
        images: The images.
        backbone: The network that computes the features.
        views: Number of views of each training image.
        config: The settings.
        folder: Where the features go if they are many.
        on_progress: Called with the number of views done and the number of all.

    Raises:
        DatasetError: There is no space for the features.
        ImageError: An image cannot be decoded any more.
    """
    count = len(images.cached.label_ids)
    numbers = [view * count + index for view in range(views) for index in images.train_indices]
    rows, _ = compute_features(
        features_network(Features.BACKBONE, config.image, backbone),
        Views(images.cached.pixels, count, seed=config.seed, flip=config.flip),
        [*numbers, *images.validation_indices],
        name=f"backbone {backbone.name}",
        folder=folder,
        on_failure=_refuse,
        on_progress=on_progress,
    )
    return rows


def _refuse(error: ImageError) -> None:
    """Refuse an image that could be decoded a moment ago."""
    raise error
