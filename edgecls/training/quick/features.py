"""The features that a head is fitted to: those of several views of each image."""

from collections.abc import Callable
from pathlib import Path

from edgecls.dataset.pixel_cache import Views
from edgecls.errors import ImageError
from edgecls.export.familiarity.features import compute_features
from edgecls.models.classical.features import Backbone, Features, features_network
from edgecls.models.classical.registry import FeatureRows
from edgecls.training.images import PreparedImages
from edgecls.training.quick.config import QuickConfig

__all__ = ["compute_rows", "views_for"]

PASSES = 8000
"""Runs of the backbone that training may take, as long as there are fewer images: half a minute of two cores."""

MOST_VIEWS = 2
"""The image and its mirror image. Cuts of it as further views made heads for ten images a label no better."""


def views_for(images: int) -> int:
    """Return how many views of each of so many training images the head is fitted to."""
    return min(MOST_VIEWS, max(1, PASSES // images))


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
        Views(images.cached.pixels, count),
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
