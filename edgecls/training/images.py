"""The images of a training run: decoded, and split into training and validation."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.dataset.augmentation.lineage import lineage_of
from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.pixel_cache import CachedImages, cache_images, choose_cache
from edgecls.dataset.splits.partition import partition, without_rare
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.errors import DatasetError
from edgecls.export.proof import MAX_GOLDEN_SAMPLES
from edgecls.image_spec import ImageSpec
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.machine.memory import available_memory_bytes

__all__ = ["ImagesListener", "PreparedImages", "golden_images", "prepare_images", "without_rare_labels"]

SPLIT_COUNT = 2  # training and validation
MIN_GOLDEN_SAMPLES = 4  # if there are so many validation images


def golden_images(cached: CachedImages, held_out: Sequence[int]) -> dict[str, npt.NDArray[np.uint8]]:
    """Return a few validation images: one of each label, then a second one of each, and so on.

    They are named by label and file name only: a model file should not reveal the folders it was made from.

    Args:
        cached: All images.
        held_out: Indices of the validation images.
    """
    seen: Counter[int] = Counter()
    ranked = []
    for index in held_out:
        label = int(cached.label_ids[index])
        ranked.append((seen[label], label, index))
        seen[label] += 1
    count = min(MAX_GOLDEN_SAMPLES, max(MIN_GOLDEN_SAMPLES, len(cached.labels)))
    chosen = [index for _, _, index in sorted(ranked)[:count]]
    return {
        f"{cached.labels[cached.label_ids[index]]}/{Path(cached.names[index]).name}": cached.pixels[index]
        for index in chosen
    }


@dataclass(frozen=True)
class PreparedImages:
    """Decoded images, split into training and validation.

    Attributes:
        cached: All of them.
        train_indices: The training images.
        validation_indices: The validation images, which choose the best epoch.
        cache: Where they are kept; not AUTO.
    """

    cached: CachedImages
    train_indices: list[int]
    validation_indices: list[int]
    cache: Cache

    @property
    def held_out_paths(self) -> list[Path]:
        """The files of the validation images."""
        return [Path(self.cached.names[index]) for index in self.validation_indices]

    def held_out(self, batch_size: int) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]]:
        """Yield the validation images in batches of similar size, at most `batch_size`: pixels and label numbers."""
        indices = np.asarray(self.validation_indices)
        for part in np.array_split(indices, -(-len(indices) // batch_size)):
            yield self.cached.pixels[part], self.cached.label_ids[part]


@dataclass(frozen=True)
class ImagesListener:
    """Callbacks for the progress of reading and evaluating images in any training run; each does nothing by default.

    Attributes:
        on_found: The images that were found.
        on_remarks: Remarks about them before training.
        on_decoded: Number of images decoded, number of all.
        on_prepared: The usable images, split into training and validation.
        on_evaluated: Number of images that the model file has classified in the end, number of all.
    """

    on_found: Callable[[Dataset], None] = field(default=lambda dataset: None)
    on_remarks: Callable[[Sequence[str]], None] = field(default=lambda remarks: None)
    on_decoded: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_prepared: Callable[[PreparedImages], None] = field(default=lambda images: None)
    on_evaluated: Callable[[int, int], None] = field(default=lambda done, total: None)


def prepare_images(
    dataset: Dataset,
    image: ImageSpec,
    *,
    validation_fraction: float,
    rare_labels: RareLabels = RareLabels.REFUSE,
    seed: int,
    cache: Cache,
    cache_folder: Path,
    groups: Mapping[Path, int] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> PreparedImages:
    """Decode the training and validation images.

    If the dataset has no validation split, a fraction of each label's images is held out, chosen by the seed,
    with augmented copies of one image kept together, or the groups that are given. Its test split is not used.

    Args:
        dataset: The images.
        image: The input image of the model.
        validation_fraction: Fraction of each label's images to hold out, above 0 and below 1.
        rare_labels: What to do with labels that have too few images for that.
        seed: Of the division.
        cache: Where decoded images are kept.
        cache_folder: Where decoded images go if they are kept on disk.
        groups: A number for each image, the same for those that must stay together.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        DatasetError: There are too few usable images of a label, or not enough memory or disk space.
    """
    train, validation = dataset.train, dataset.validation
    used = train
    if validation is not None:
        used = LabelledImages(train.labels, train.paths + validation.paths, train.label_ids + validation.label_ids)
    if cache is Cache.AUTO:
        cache = choose_cache(
            len(used.paths) * prod(image.shape_hwc),
            memory_bytes=available_memory_bytes(),
            disk_bytes=shutil.disk_usage(cache_folder).free,
        )
    cached = cache_images(
        used, image, workers=usable_cores(), cache=cache, folder=cache_folder, on_progress=on_progress
    )
    if validation is None:
        train_indices, held_out = partition(
            cached.label_ids.tolist(),
            _families(cached.names) if groups is None else [groups[Path(name)] for name in cached.names],
            (1 - validation_fraction, validation_fraction),
            seed,
            labels=cached.labels,
            rare_in=0 if rare_labels is RareLabels.KEEP_IN_TRAIN else None,
        )
    else:
        is_training = cached.positions < len(train.paths)
        train_indices, held_out = np.flatnonzero(is_training).tolist(), np.flatnonzero(~is_training).tolist()
        _check_splits(cached, train_indices, held_out)
    return PreparedImages(cached, train_indices, held_out, cache)


def without_rare_labels(
    dataset: Dataset, rare_labels: RareLabels, groups: Mapping[Path, int] | None = None
) -> tuple[Dataset, tuple[str, ...]]:
    """Return a dataset without the labels that have too few images to be split, if the setting is LEAVE_OUT.

    A dataset with a validation split is returned unchanged.

    Args:
        dataset: The images.
        rare_labels: The setting.
        groups: As `prepare_images` takes them.

    Returns:
        The dataset, and a remark about the labels that were left out, if any.

    Raises:
        DatasetError: Fewer than two labels are left.
    """
    if rare_labels is not RareLabels.LEAVE_OUT or dataset.validation is not None:
        return dataset, ()
    train = dataset.train
    families = _families(list(map(str, train.paths))) if groups is None else [groups[path] for path in train.paths]
    left = {train.label_ids[index] for index in without_rare(train.label_ids, families, split_count=SPLIT_COUNT)}
    if len(left) < 2:
        raise DatasetError("fewer than two labels have enough images to be divided; add images")
    rest = Dataset(train.of_labels(left), None, None if dataset.test is None else dataset.test.of_labels(left))
    lost = [repr(label) for label in train.labels if label not in rest.labels]
    return rest, (f"left out, with too few images to hold one out: {', '.join(lost)}",) if lost else ()


def _families(names: Sequence[str]) -> list[int]:
    """Return a number for each image, the same for augmented copies of one source."""
    sources = lineage_of(map(Path, names))
    numbers: dict[str, int] = {}
    return [numbers.setdefault(sources.get(Path(name), name), len(numbers)) for name in names]


def _check_splits(cached: CachedImages, train_indices: list[int], held_out: list[int]) -> None:
    trained = set(cached.label_ids[train_indices].tolist())
    if lost := [repr(label) for index, label in enumerate(cached.labels) if index not in trained]:
        raise DatasetError(f"no image of label {', '.join(lost)} in the training split can be used; add some")
    if not held_out:
        raise DatasetError("no image of the validation split can be used; add some, or leave the split out")
