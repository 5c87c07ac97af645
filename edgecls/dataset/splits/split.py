"""Dividing a dataset into train, val and test."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.similarity.families import keep_together
from edgecls.dataset.similarity.fingerprints import Fingerprint, UnusableImage
from edgecls.dataset.similarity.near_duplicates import NEAR_DISTANCE
from edgecls.dataset.similarity.neighbours import has_neighbour
from edgecls.dataset.splits.partition import partition, without_rare
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.dataset.splits.series import Series, group_keys, series_in_names
from edgecls.dataset.splits.write import SplitFormat, check_splits_writable, write_splits
from edgecls.errors import DatasetError, ImageError, OutputError

__all__ = ["SPLIT_NAMES_BY_COUNT", "Leak", "SplitResult", "split_dataset"]

SPLIT_NAMES_BY_COUNT = {2: ("train", "val"), 3: ("train", "val", "test")}


@dataclass(frozen=True)
class Leak:
    """How much of a held-out split training has seen something like.

    Attributes:
        images: Number of images in the split.
        alike: Number of them that look much like one in train, as frames of one object do (`neighbours`).
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
        dataset: The parts, with the paths that the images had before.
        groups: Number of groups of at least two images that were kept together.
        grouped_images: Number of images in them.
        failures: Why images were left out: they cannot be read or decoded.
        ungrouped: Number of images for which the rule to group by found nothing; 0 without such a rule.
        rare_kept: Labels that are in train alone, as they have too few groups.
        rare_left_out: Labels that were left out, for the same reason.
        leaks: For val, and test if there is one, what of it train has the like of.
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

    @property
    def unusable(self) -> int:
        """Number of images that were left out because they cannot be decoded."""
        return len(self.failures)


def split_dataset(
    data: Path,
    out: Path,
    ratios: Sequence[float],
    *,
    seed: int,
    form: SplitFormat,
    near_distance: int = NEAR_DISTANCE,
    group_by: str | None = None,
    rare: RareLabels = RareLabels.REFUSE,
    workers: int,
    on_looked_at: Callable[[int, int], None] = lambda done, total: None,
    on_written: Callable[[int, int], None] = lambda done, total: None,
) -> SplitResult:
    """Divide a dataset in given ratios and write the parts into a new folder, whole or not at all.

    Each part gets its share of every label. Images that are the same, look alike or were made
    from the same one come into one part. Images that cannot be decoded are left out.

    Args:
        data: A dataset in any form that `read_dataset` takes; if it has parts already, their whole is divided.
        out: Where to write: nothing may be there, or an empty folder.
        ratios: Two shares, of train and val, or three, of train, val and test.
        seed: Same seed, same division.
        form: What to write.
        near_distance: Bits in which the perceptual hashes of images that look alike may differ.
        group_by: What else keeps images together, as `series.group_keys` takes it; None for nothing.
        rare: What becomes of labels with fewer groups than there are parts.
        workers: Number of threads that decode.
        on_looked_at: Called with the number of images looked at and the number of all.
        on_written: Called with the number of images written and the number of all.

    Raises:
        DatasetError: The dataset cannot be read, or cannot be divided like that.
        OutputError: The folder cannot be written.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    if len(ratios) not in SPLIT_NAMES_BY_COUNT:
        raise DatasetError(f"give two shares, of train and val, or three, of train, val and test; got {list(ratios)}")
    if data.is_dir() and data.resolve() in out.resolve().parents:
        raise OutputError(f"cannot write {str(out)!r}: it is in the dataset; choose a folder outside")
    whole = read_dataset(data).whole
    check_splits_writable(out, whole, form)
    keys = None if group_by is None else group_keys(data, whole, group_by)
    kept = keep_together(whole.paths, keys=keys, max_distance=near_distance, workers=workers, on_progress=on_looked_at)
    chosen = [index for index, image in enumerate(kept.looked_at) if isinstance(image, Fingerprint)]
    if not chosen:
        raise DatasetError(f"no image of {str(data)!r} can be decoded; edgecls data check says why")
    usable = _Images.chosen(whole, kept.groups, kept.looked_at, chosen)
    left_out: tuple[str, ...] = ()
    if rare is RareLabels.LEAVE_OUT:
        chosen = without_rare(usable.images.label_ids, usable.groups, split_count=len(ratios))
        before, usable = usable, _Images.chosen(usable.images, usable.groups, usable.looked_at, chosen)
        left_out = tuple(sorted(set(before.images.labels) - set(usable.images.labels)))
        if len(usable.images.labels) < 2:
            raise DatasetError(
                f"without the labels that have fewer than {len(ratios)} images or groups of images that belong "
                "together, fewer than two labels are left; add images, or ask for fewer parts"
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
            f"{error}. Many labels have images in the same groups of --group-by; if each label counts its series anew, "
            r"give a pattern for the path, as '([^/]+/\d+)_', that has the label's folder in it"
        ) from error
    parts = dict(zip(SPLIT_NAMES_BY_COUNT[len(ratios)], indices, strict=True))
    write_splits(out, images, parts, form, on_progress=on_written)
    sizes = [size for size in Counter(usable.groups).values() if size > 1]
    dataset = Dataset(*(_subset(images, part) for part in indices))
    series = series_in_names(images)
    return SplitResult(
        dataset,
        len(sizes),
        sum(sizes),
        tuple(image.reason for image in kept.unusable),
        0 if keys is None else sum(key is None for key in keys),
        tuple(label for label, count in dataset.splits["val"].counts.items() if not count),
        left_out,
        {name: _leak(usable, parts["train"], part, series) for name, part in parts.items() if name != "train"},
        series if group_by is None else None,
    )


@dataclass(frozen=True)
class _Images:
    """Images that can be decoded, with the labels that they have, the group of each, and what each is."""

    images: LabelledImages
    groups: list[int]
    looked_at: list[Fingerprint]

    @classmethod
    def chosen(
        cls,
        images: LabelledImages,
        groups: Sequence[int],
        looked_at: Sequence[Fingerprint | UnusableImage],
        indices: Sequence[int],
    ) -> "_Images":
        there = sorted({images.label_ids[index] for index in indices})
        new_id = {old: new for new, old in enumerate(there)}
        return cls(
            LabelledImages(
                tuple(images.labels[label_id] for label_id in there),
                tuple(images.paths[index] for index in indices),
                tuple(new_id[images.label_ids[index]] for index in indices),
            ),
            [groups[index] for index in indices],
            [image for index in indices if isinstance(image := looked_at[index], Fingerprint)],
        )


def _are_shared(keys: Sequence[str | None], label_ids: Sequence[int]) -> bool:
    """True if most groups have images of several labels."""
    labels_of: dict[str, set[int]] = {}
    for key, label_id in zip(keys, label_ids, strict=True):
        if key is not None:
            labels_of.setdefault(key, set()).add(label_id)
    return 2 * sum(len(labels) > 1 for labels in labels_of.values()) > len(labels_of)


def _leak(usable: _Images, train: Sequence[int], held_out: Sequence[int], series: Series | None) -> Leak:
    seen, unseen = (
        [usable.looked_at[index].layout for index in part if not usable.looked_at[index].is_blank]
        for part in (train, held_out)
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


def _subset(whole: LabelledImages, indices: Sequence[int]) -> LabelledImages:
    return LabelledImages(
        whole.labels,
        tuple(whole.paths[index] for index in indices),
        tuple(whole.label_ids[index] for index in indices),
    )
