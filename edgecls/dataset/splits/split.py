"""Dividing a dataset into train, val and test."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage
from edgecls.dataset.similarity.groups import keep_together
from edgecls.dataset.similarity.measures import NEAR_DISTANCE, Layouts, has_neighbour
from edgecls.dataset.splits.partition import partition, without_rare
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.dataset.splits.series import FOLDER, Series, group_keys, series_in_names
from edgecls.dataset.splits.write import SplitFormat, check_splits_writable, write_splits
from edgecls.errors import DatasetError, ImageError, OutputError

__all__ = ["SPLIT_NAMES_BY_COUNT", "Leak", "SplitResult", "split_dataset"]

SPLIT_NAMES_BY_COUNT = {2: ("train", "val"), 3: ("train", "val", "test")}


@dataclass(frozen=True)
class Leak:
    """How much of a held-out split looks like images in train.

    Attributes:
        images: Number of images in the split.
        alike: Number of them that look much like one in train, as frames of one object do (`measures`).
        same_series: Number of them that share a series by their names with one in train; None where the names do not
            look like series.
    """

    images: int
    alike: int
    same_series: int | None


@dataclass(frozen=True)
class SplitResult:
    """How a dataset was divided.

    Attributes:
        dataset: The splits, with the paths that the images had before.
        groups: Number of groups of at least two images that were kept together.
        grouped_images: Number of images in them.
        failures: Why images were left out: they cannot be read or decoded.
        ungrouped: Number of images without a match for the rule to group by; 0 without such a rule.
        rare_kept: Labels that are only in train, as they have too few groups.
        rare_left_out: Labels that were left out for the same reason.
        leaks: For val, and test if it exists, how much of it looks like images in train.
        series: What makes the names look like series, if they do and no rule was given.
    """

    dataset: Dataset
    groups: int
    grouped_images: int
    failures: tuple[ImageError, ...]
    ungrouped: int
    rare_kept: tuple[str, ...]
    rare_left_out: tuple[str, ...]
    leaks: dict[str, Leak]
    series: Series | None


def split_dataset(
    data: Path,
    out: Path,
    ratios: Sequence[float],
    *,
    seed: int,
    split_format: SplitFormat,
    near_distance: int = NEAR_DISTANCE,
    group_by: str | None = None,
    rare: RareLabels = RareLabels.REFUSE,
    workers: int,
    on_read: Callable[[int, int], None] = lambda done, total: None,
    on_written: Callable[[int, int], None] = lambda done, total: None,
) -> SplitResult:
    """Divide a dataset in given ratios and write the splits into a new folder, completely or not at all.

    Each split gets its share of every label. Images that are the same, look alike or were made
    from the same one go into one split. Images that cannot be decoded are left out.

    Args:
        data: A dataset in any format that `read_dataset` takes; if it has splits already, all of it is divided.
        out: Where to write: a new or empty folder.
        ratios: Two shares, of train and val, or three, of train, val and test.
        seed: Same seed, same division.
        split_format: What to write.
        near_distance: Bits in which the perceptual hashes of images that look alike may differ.
        group_by: What else keeps images together, as `series.group_keys` takes it; None for nothing.
        rare: What to do with labels that have fewer groups than there are splits.
        workers: Number of threads that decode.
        on_read: Called with the number of images read and the number of all.
        on_written: Called with the number of images written and the number of all.

    Raises:
        DatasetError: The dataset cannot be read, or cannot be divided in this way.
        OutputError: The folder cannot be written.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    if len(ratios) not in SPLIT_NAMES_BY_COUNT:
        raise DatasetError(f"give two shares, of train and val, or three, of train, val and test; got {list(ratios)}")
    if data.is_dir() and data.resolve() in out.resolve().parents:
        raise OutputError(f"cannot write {str(out)!r}: it is in the dataset; choose a folder outside")
    whole = read_dataset(data, groups_within_labels=group_by == FOLDER).whole
    check_splits_writable(out, whole, split_format)
    keys = None if group_by is None else group_keys(data, whole, group_by)
    kept = keep_together(whole.paths, keys=keys, max_distance=near_distance, workers=workers, on_progress=on_read)
    decodable = [index for index, image in enumerate(kept.fingerprints) if isinstance(image, Fingerprint)]
    if not decodable:
        raise DatasetError(f"no image of {str(data)!r} can be decoded; edgecls data check says why")
    usable = _Images(whole, kept.groups, [_layout(image) for image in kept.fingerprints]).chosen(decodable)
    left_out: set[str] = set()
    if rare is RareLabels.LEAVE_OUT:
        before = set(usable.images.labels)
        usable = usable.chosen(without_rare(usable.images.label_ids, usable.groups, split_count=len(ratios)))
        left_out = before - set(usable.images.labels)
        if len(usable.images.labels) < 2:
            raise DatasetError(
                f"without the labels that have fewer than {len(ratios)} images or groups of images that belong "
                "together, fewer than two labels are left; add images, or ask for fewer splits"
            )
    images = usable.images
    try:
        indices = partition(
            images.label_ids,
            usable.groups,
            ratios,
            seed,
            labels=images.labels,
            rare_in=0 if rare is RareLabels.KEEP_IN_TRAIN else None,
        )
    except DatasetError as error:
        if keys is None or "/" in str(group_by) or not _are_shared(keys, whole.label_ids):
            raise
        raise DatasetError(
            f"{error}. Many labels have images in the same groups of --group-by; if each label numbers its series from "
            r"the start, give a pattern for the path that includes the label's folder, as '([^/]+/\d+)_'"
        ) from error
    splits = dict(zip(SPLIT_NAMES_BY_COUNT[len(ratios)], indices, strict=True))
    write_splits(out, images, splits, split_format, on_progress=on_written)
    sizes = [size for size in Counter(usable.groups).values() if size > 1]
    dataset = Dataset(*map(images.chosen, indices))
    series = series_in_names(images)
    return SplitResult(
        dataset,
        groups=len(sizes),
        grouped_images=sum(sizes),
        failures=tuple(image.reason for image in kept.fingerprints if isinstance(image, UnusableImage)),
        ungrouped=0 if keys is None else sum(key is None for key in keys),
        rare_kept=tuple(label for label, count in dataset.splits["val"].counts.items() if not count),
        rare_left_out=tuple(sorted(left_out)),
        leaks={name: _leak(usable, indices[0], split, series) for name, split in splits.items() if name != "train"},
        series=series if group_by is None else None,
    )


@dataclass(frozen=True)
class _Images:
    """Images, the group of each, and its colour layout; None for one that is blank or cannot be decoded."""

    images: LabelledImages
    groups: Sequence[int]
    layouts: Sequence[Layouts | None]

    def chosen(self, indices: Sequence[int]) -> "_Images":
        """Return some of them, without the labels that none of them has."""
        images = self.images.chosen(indices)
        return _Images(
            images.of_labels(set(images.label_ids)),
            [self.groups[index] for index in indices],
            [self.layouts[index] for index in indices],
        )


def _layout(image: Fingerprint | UnusableImage) -> Layouts | None:
    return image.layout if isinstance(image, Fingerprint) and not image.is_blank else None


def _are_shared(keys: Sequence[str | None], label_ids: Sequence[int]) -> bool:
    """Return whether most groups have images of several labels."""
    labels_of: dict[str, set[int]] = {}
    for key, label_id in zip(keys, label_ids, strict=True):
        if key is not None:
            labels_of.setdefault(key, set()).add(label_id)
    return 2 * sum(len(labels) > 1 for labels in labels_of.values()) > len(labels_of)


def _leak(usable: _Images, train: Sequence[int], held_out: Sequence[int], series: Series | None) -> Leak:
    seen, unseen = (
        [layout for index in split if (layout := usable.layouts[index]) is not None] for split in (train, held_out)
    )
    alike = int(has_neighbour(np.stack(unseen), np.stack(seen)).sum()) if seen and unseen else 0
    same = None
    if series is not None:
        label_ids = usable.images.label_ids
        known = {(label_ids[index], series.keys[index]) for index in train}
        same = sum(
            series.keys[index] is not None and (label_ids[index], series.keys[index]) in known for index in held_out
        )
    return Leak(len(held_out), alike, same)
