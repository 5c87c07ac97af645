"""Which images belong together: the same bytes, made from the same image, or alike to the eye."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.augmentation.lineage import lineage_of
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage, fingerprint_images
from edgecls.dataset.similarity.measures import NEAR_DISTANCE, Hashes

__all__ = ["KeptTogether", "join_groups", "keep_together", "near_groups", "source_ids"]

_BLOCK_ROWS, _BLOCK_COLUMNS = 32, 4096  # pairs compared at once; 1 MiB of differences stays in the cache


@dataclass(frozen=True)
class KeptTogether:
    """Which images must stay together when a dataset is divided.

    Attributes:
        groups: For each image the lowest index in its group; its own if it is alone.
        fingerprints: The fingerprint of each image; one that cannot be decoded is alone.
    """

    groups: tuple[int, ...]
    fingerprints: tuple[Fingerprint | UnusableImage, ...]


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
        keys: For each image a key that it shares with those it belongs together with for another reason; None for
            none.
        max_distance: Bits in which the perceptual hashes of images that look alike may differ.
        workers: Number of threads that decode.
        on_progress: Called with the number of images read and the number of all.

    Raises:
        DatasetError: The manifest of augmented copies is damaged.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    fingerprints: list[Fingerprint | UnusableImage] = []
    for image in fingerprint_images(paths, workers=workers):
        fingerprints.append(image)
        on_progress(len(fingerprints), len(paths))
    groups = np.arange(len(paths))
    if keys is not None:
        _join_equal(groups, range(len(paths)), keys)
    usable = [index for index, image in enumerate(fingerprints) if isinstance(image, Fingerprint)]
    images = [image for image in fingerprints if isinstance(image, Fingerprint)]
    _join_equal(groups, usable, source_ids(images))
    hashes = {index: image.perceptual_hash for index, image in zip(usable, images, strict=True) if not image.is_blank}
    if hashes:
        indices = np.array(list(hashes))
        alike = near_groups(np.stack(list(hashes.values())), max_distance=max_distance)
        join_groups(groups, indices, indices[alike])
    return KeptTogether(tuple(groups.tolist()), tuple(fingerprints))


def _join_equal(groups: npt.NDArray[np.int64], indices: Sequence[int], keys: Sequence[str | None]) -> None:
    """Join the groups of images with the same key, in place; None is no key."""
    first_of: dict[str, int] = {}
    keyed = [(key, index) for key, index in zip(keys, indices, strict=True) if key is not None]
    firsts = [first_of.setdefault(key, index) for key, index in keyed]
    join_groups(groups, np.array(firsts, np.int64), np.array([index for _, index in keyed], np.int64))


def source_ids(images: Sequence[Fingerprint]) -> list[str]:
    """Return for each image the SHA-256 of the image that it was made from, which may be itself.

    Raises:
        DatasetError: The manifest of augmented copies is damaged.
    """
    sources = lineage_of(image.path for image in images)
    return [sources.get(image.path, image.sha256) for image in images]


def near_groups(hashes: Hashes, *, max_distance: int = NEAR_DISTANCE) -> npt.NDArray[np.int64]:
    """Find the groups of images that look alike.

    Two images are in one group if their hashes differ in at most `max_distance` bits, or if a
    chain of such images joins them. Every pair is compared, a block at a time: memory does not grow with the
    number of pairs. 100,000 images take 16 s of one core, and the time grows with the square.

    Args:
        hashes: uint64, ``[N, 4]``.
        max_distance: From 0 to `HASH_BITS`.

    Returns:
        int64, ``[N]``: for each image the lowest index in its group; its own if it is alone.
    """
    groups = np.arange(len(hashes))
    for first, second in _likely_pairs(hashes, max_distance):
        apart = groups[first] != groups[second]
        first, second = first[apart], second[apart]
        near = np.bitwise_count(hashes[first] ^ hashes[second]).sum(axis=1, dtype=np.int64) <= max_distance
        join_groups(groups, first[near], second[near])
    return groups


def join_groups(groups: npt.NDArray[np.int64], first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
    """Join the two groups of each pair of image indices, in place; `groups` holds the lowest index in each group."""
    while True:
        one, other = groups[first], groups[second]
        apart = one != other
        if not apart.any():
            return
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(groups, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(lower := groups[groups], groups):
            groups[:] = lower


def _likely_pairs(hashes: Hashes, max_distance: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield, block by block, the indices of the images of each pair that half of the bits do not rule out."""
    words = np.ascontiguousarray(hashes.T)
    for top in range(0, len(hashes), _BLOCK_ROWS):
        rows = words[:, top : top + _BLOCK_ROWS, np.newaxis]
        for left in range(top, len(hashes), _BLOCK_COLUMNS):
            columns = words[:, np.newaxis, left : left + _BLOCK_COLUMNS]
            half = np.bitwise_count(rows[0] ^ columns[0])
            half += np.bitwise_count(rows[1] ^ columns[1])
            first, second = np.divmod(np.flatnonzero(half.ravel() <= max_distance), columns.shape[2])
            yield first + top, second + left
