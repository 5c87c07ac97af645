"""The features that images are compared by: those of a backbone, averaged over an image and its mirror image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.pixel_cache import Views, cache_images
from edgecls.errors import ImageError
from edgecls.export.familiarity.backbone import BUNDLED_SIDE, bundled_backbone
from edgecls.export.familiarity.features import FeatureRows, compute_features
from edgecls.export.familiarity.prototypes import normalized
from edgecls.image_spec import ImageSpec
from edgecls.models.classical.features import Backbone, Features, features_network
from edgecls.runtime.machine.cores import usable_cores

__all__ = ["ComparedImages", "compare_by_features"]

MIRRORED_UP_TO = 4000  # images, as in quick training: mirror images take as long again
MEMORY_BYTES = 96 << 20  # of decoded images that are kept; of more, each is decoded again for the second view


@dataclass(frozen=True)
class ComparedImages:
    """Images with their features.

    Attributes:
        positions: The index of each among the images that were asked for, ``[N]``.
        label_ids: Their labels, ``[N]``.
        rows: Features of length 1, float32, ``[N, D]``.
        failures: Why each of the other images could not be used.
        backbone: The network that computed the features.
    """

    positions: npt.NDArray[np.int64]
    label_ids: npt.NDArray[np.int32]
    rows: FeatureRows
    failures: tuple[ImageError, ...]
    backbone: str


def compare_by_features(
    images: LabelledImages,
    *,
    backbone: Backbone | None = None,
    folder: Path | None = None,
    on_decoded: Callable[[int, int], None] = lambda done, total: None,
    on_features: Callable[[int, int], None] = lambda done, total: None,
) -> ComparedImages:
    """Compute the features of images, on all cores.

    Args:
        images: The images.
        backbone: The network; None for the one that comes with edgecls.
        folder: Where features go if they are many; None for the system's folder of temporary files.
        on_decoded: Called with the number of images decoded and the number of all.
        on_features: Called with the number of views done and the number of all.

    Raises:
        DatasetError: No image of a label can be used, or there is no space for the features.
        MissingExtraError: The package onnx is not installed.
    """
    if backbone is None:
        backbone = bundled_backbone(ImageSpec(BUNDLED_SIDE, BUNDLED_SIDE))
    spec = backbone.image
    is_small = len(images.paths) * prod(spec.shape_hwc) <= MEMORY_BYTES
    cached = cache_images(
        images,
        spec,
        workers=usable_cores(),
        cache=Cache.MEMORY if is_small else Cache.STREAM,
        on_progress=on_decoded,
    )
    count = len(cached.label_ids)
    views = 2 if count <= MIRRORED_UP_TO else 1
    failed: list[ImageError] = []
    found, kept = compute_features(
        features_network(Features.BACKBONE, spec, backbone),
        Views(cached.pixels, count),
        range(views * count),
        name=f"backbone {backbone.name}",
        folder=folder,
        on_failure=failed.append,
        on_progress=on_features,
    )
    rows, usable = _averaged(found, kept, count, views)
    return ComparedImages(
        cached.positions[usable],
        cached.label_ids[usable],
        rows,
        (*cached.failures, *failed[: count - len(usable)]),
        backbone.name,
    )


def _averaged(
    found: FeatureRows, kept: Sequence[int], count: int, views: int
) -> tuple[FeatureRows, npt.NDArray[np.int64]]:
    """Return the mean of the views of each image of which there are all, and which these are."""
    numbers = np.asarray(kept, np.int64)
    if views == 1:
        return normalized(found), numbers
    first, second = numbers[numbers < count], numbers[numbers >= count] - count
    usable = np.intersect1d(first, second)
    of_first, of_second = np.searchsorted(first, usable), len(first) + np.searchsorted(second, usable)
    return normalized(normalized(found[of_first]) + normalized(found[of_second])), usable
