"""Dividing a dataset into train, val and test."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls.dataset.forms.labelled_pictures import Dataset, LabelledPictures
from edgecls.dataset.forms.read import read_dataset
from edgecls.dataset.likeness.families import keep_together
from edgecls.dataset.likeness.near_duplicates import NEAR_DISTANCE
from edgecls.dataset.parts.partition import partition
from edgecls.dataset.parts.write_parts import PartsForm, check_parts_writable, write_parts
from edgecls.errors import DatasetError, OutputError

__all__ = ["PART_NAMES_BY_COUNT", "SplitResult", "split_dataset"]

PART_NAMES_BY_COUNT = {2: ("train", "val"), 3: ("train", "val", "test")}


@dataclass(frozen=True)
class SplitResult:
    """How a dataset was divided.

    Attributes:
        dataset: The parts, with the paths that the pictures had before.
        groups: Number of groups of at least two pictures that were kept together.
        grouped_pictures: Number of pictures in them.
        unusable: Number of pictures that cannot be decoded; they were dealt out like all others.
    """

    dataset: Dataset
    groups: int
    grouped_pictures: int
    unusable: int


def split_dataset(
    data: Path,
    out: Path,
    ratios: Sequence[float],
    *,
    seed: int,
    form: PartsForm,
    near_distance: int = NEAR_DISTANCE,
    workers: int,
    on_looked_at: Callable[[int, int], None] = lambda done, total: None,
    on_written: Callable[[int, int], None] = lambda done, total: None,
) -> SplitResult:
    """Divide a dataset in given ratios and write the parts into a new folder, whole or not at all.

    Each part gets its share of every label. Pictures that are the same, look alike or were made
    from the same one come into one part.

    Args:
        data: A dataset in any form that `read_dataset` takes; if it has parts already, their whole is divided.
        out: Where to write: nothing may be there, or an empty folder.
        ratios: Two shares, of train and val, or three, of train, val and test.
        seed: Same seed, same division.
        form: What to write.
        near_distance: Bits in which the perceptual hashes of pictures that look alike may differ.
        workers: Number of threads that decode.
        on_looked_at: Called with the number of pictures looked at and the number of all.
        on_written: Called with the number of pictures written and the number of all.

    Raises:
        DatasetError: The dataset cannot be read, or cannot be divided like that.
        OutputError: The folder cannot be written.
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    if len(ratios) not in PART_NAMES_BY_COUNT:
        raise DatasetError(f"give two shares, of train and val, or three, of train, val and test; got {list(ratios)}")
    if data.is_dir() and data.resolve() in out.resolve().parents:
        raise OutputError(f"cannot write {str(out)!r}: it is in the dataset; choose a folder outside")
    whole = read_dataset(data).whole
    check_parts_writable(out, whole, form)
    kept = keep_together(whole.paths, max_distance=near_distance, workers=workers, on_progress=on_looked_at)
    indices = partition(whole.label_ids, kept.groups, ratios, seed, labels=whole.labels)
    parts = dict(zip(PART_NAMES_BY_COUNT[len(ratios)], indices, strict=True))
    write_parts(out, whole, parts, form, on_progress=on_written)
    sizes = [size for size in Counter(kept.groups).values() if size > 1]
    return SplitResult(Dataset(*(_subset(whole, part) for part in indices)), len(sizes), sum(sizes), len(kept.unusable))


def _subset(whole: LabelledPictures, indices: Sequence[int]) -> LabelledPictures:
    return LabelledPictures(
        whole.labels,
        tuple(whole.paths[index] for index in indices),
        tuple(whole.label_ids[index] for index in indices),
    )
