"""Images that belong together: made from one source, or alike to the eye."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecls.dataset.augmentation.lineage import lineage_of
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage, fingerprint_images
from edgecls.dataset.similarity.near_duplicates import NEAR_DISTANCE, join_groups, near_groups

__all__ = ["KeptTogether", "families", "keep_together"]


@dataclass(frozen=True)
class KeptTogether:
    """Which images must not be torn apart when a dataset is divided.

    Attributes:
        groups: For each image the lowest index in its group; its own if it stands alone.
        looked_at: What each image is; one that cannot be decoded stands alone.
    """

    groups: tuple[int, ...]
    looked_at: tuple[Fingerprint | UnusableImage, ...]

    @property
    def unusable(self) -> tuple[UnusableImage, ...]:
        """The images that cannot be decoded."""
        return tuple(image for image in self.looked_at if isinstance(image, UnusableImage))


def families(images: Sequence[Fingerprint]) -> list[str]:
    """Return for each image the SHA-256 of the image that it was made from, which may be itself.

    Raises:
        DatasetError: The manifest of augmented copies is damaged.
    """
    sources = lineage_of(image.path for image in images)
    return [sources.get(image.path, image.sha256) for image in images]


def keep_together(
    paths: Sequence[Path],
    *,
    keys: Sequence[str | None] | None = None,
    max_distance: int = NEAR_DISTANCE,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> KeptTogether:
    """Group images that are the same, look alike, or were made from the same one.

    Whatever is held out must be unseen: to learn from one image of a group is to have seen the others.

    Args:
        paths: The images.
        keys: For each image what it shares with others that it belongs together with for another reason; None for
            nothing.
        max_distance: Bits in which the perceptual hashes of images that look alike may differ.
        workers: Number of threads that decode.
        on_progress: Called with the number of images looked at and the number of all.

    Raises:
        DatasetError: The manifest of augmented copies is damaged.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    looked_at: list[Fingerprint | UnusableImage] = []
    for image in fingerprint_images(paths, workers=workers):
        looked_at.append(image)
        on_progress(len(looked_at), len(paths))
    usable = [(index, image) for index, image in enumerate(looked_at) if isinstance(image, Fingerprint)]
    groups = np.arange(len(paths))
    if keys is not None:
        first_with: dict[str, int] = {}
        keyed = [(first_with.setdefault(key, index), index) for index, key in enumerate(keys) if key is not None]
        join_groups(groups, *np.array(keyed, np.int64).reshape(-1, 2).T)
    first_of: dict[str, int] = {}
    sources = families([image for _, image in usable])
    same = [(first_of.setdefault(source, index), index) for (index, _), source in zip(usable, sources, strict=True)]
    if same:
        join_groups(groups, *np.array(same).T)
    comparable = [(index, image.perceptual_hash) for index, image in usable if not image.is_blank]
    if comparable:
        indices = np.array([index for index, _ in comparable])
        alike = near_groups(np.stack([perceptual_hash for _, perceptual_hash in comparable]), max_distance=max_distance)
        join_groups(groups, indices, indices[alike])
    return KeptTogether(tuple(groups.tolist()), tuple(looked_at))
