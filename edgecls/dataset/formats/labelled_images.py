"""Images with their labels: the paths of a dataset, checked, and the splits that it is divided into."""

import os
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import DatasetError, ModelFileError
from edgecls.model_card import check_labels

__all__ = ["Dataset", "LabelledImages", "Listed", "assemble", "check_files_exist", "first_names", "label_text"]

NAMED_AT_MOST = 5  # missing files, labels or folders in a message

Listed = tuple[Path, str]
"""An image and its label, as a dataset format lists them."""


@dataclass(frozen=True, repr=False)
class LabelledImages:
    """Paths of images and the label of each.

    Attributes:
        labels: All labels, sorted by code point.
        paths: Paths of the images, label by label.
        label_ids: For each image the index of its label.

    Raises:
        DatasetError: There are not as many label ids as paths, or one is no index into `labels`.
    """

    labels: tuple[str, ...]
    paths: tuple[Path, ...]
    label_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.paths) != len(self.label_ids):
            raise DatasetError(f"got {len(self.label_ids)} label ids for {len(self.paths)} images; give one for each")
        outside = [label_id for label_id in self.label_ids if not 0 <= label_id < len(self.labels)]
        if outside:
            raise DatasetError(f"label id {outside[0]} is not below the number of labels, {len(self.labels)}")

    def __repr__(self) -> str:
        return f"<LabelledImages: {len(self.paths)} images, {len(self.labels)} labels>"

    def _repr_html_(self) -> str:
        """Return the number of images of each label, as notebooks show it."""
        from edgecls.notebook import Bar, bars, bold

        counts = self.counts
        most = max(1, *counts.values())
        return (
            f"<div>{bold(f'{len(self.paths)} images')}"
            f"{bars(Bar(label, count / most, str(count)) for label, count in counts.items())}</div>"
        )

    def __iter__(self) -> Iterator[tuple[Path, int]]:
        """Yield each path with its label id."""
        return zip(self.paths, self.label_ids, strict=True)

    @property
    def counts(self) -> dict[str, int]:
        """Number of images for each label, in the order of `labels`."""
        counted = Counter(self.label_ids)
        return {label: counted[index] for index, label in enumerate(self.labels)}

    def chosen(self, indices: Sequence[int]) -> "LabelledImages":
        """Return the images with these indices; the labels stay the same."""
        return LabelledImages(
            self.labels,
            tuple(self.paths[index] for index in indices),
            tuple(self.label_ids[index] for index in indices),
        )

    def of_labels(self, label_ids: Collection[int]) -> "LabelledImages":
        """Return the images of some labels, with these labels only."""
        new_id = {old: new for new, old in enumerate(sorted(label_ids))}
        kept = [(path, new_id[label_id]) for path, label_id in self if label_id in new_id]
        return LabelledImages(
            tuple(self.labels[old] for old in new_id), tuple(path for path, _ in kept), tuple(new for _, new in kept)
        )


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images divided into those to train on and those held out. All splits have the same `labels`.

    Attributes:
        train: Images to learn from; all images if the dataset has not been divided yet.
        validation: Images held out for choosing the best epoch, if the dataset names some.
        test: Images held out for the final measurement, if the dataset names some.

    Raises:
        DatasetError: Two splits do not have the same labels.
    """

    train: LabelledImages
    validation: LabelledImages | None = None
    test: LabelledImages | None = None

    def __post_init__(self) -> None:
        for name, split in self.splits.items():
            if split.labels != self.train.labels:
                raise DatasetError(f"the labels of {name} {split.labels} are not those of train {self.train.labels}")

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(split.paths)} {name}" for name, split in self.splits.items())
        return f"<Dataset: {counts}; {len(self.labels)} labels>"

    def _repr_html_(self) -> str:
        """Return the number of images of each label in each split, as notebooks show it."""
        from edgecls.notebook import escaped

        parts = "".join(f"<div>{escaped(name)}: {split._repr_html_()}</div>" for name, split in self.splits.items())
        return f"<div>{parts}</div>"

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted by code point."""
        return self.train.labels

    @property
    def splits(self) -> dict[str, LabelledImages]:
        """The splits that exist, under the names "train", "val" and "test", in this order."""
        named = {"train": self.train, "val": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def whole(self) -> LabelledImages:
        """The images of all splits; within each label those of train first, then validation, then test."""
        merged = sorted((pair for split in self.splits.values() for pair in split), key=lambda pair: pair[1])
        return LabelledImages(self.labels, tuple(path for path, _ in merged), tuple(label for _, label in merged))


def assemble(listed: Mapping[str, Sequence[Listed]], source: Path) -> Dataset:
    """Make a dataset of images and labels, whatever the format that lists them.

    Args:
        listed: The images of each split by its name: "train", "val" or "test"; labels as
            `label_text` gives them.
        source: Where the dataset is, for messages.

    Raises:
        DatasetError: Fewer than two labels, an invalid label, a split without images, a label
            that train does not have, or an image that is listed twice.
    """
    images = listed.get("train")
    if not images:
        raise DatasetError(f"{str(source)!r} has no images to train on; put some into its split 'train'")
    labels = tuple(sorted({label for _, label in images}))
    try:
        check_labels(labels)
    except ModelFileError as error:
        raise DatasetError(f"the names in {str(source)!r} cannot be labels: {error}; rename them") from error
    splits = {name: _split(name, listed[name], labels, source) for name in ("train", "val", "test") if name in listed}
    _check_listed_once(splits, source)
    return Dataset(splits["train"], splits.get("val"), splits.get("test"))


def _split(name: str, images: Sequence[Listed], labels: tuple[str, ...], source: Path) -> LabelledImages:
    if not images:
        raise DatasetError(f"split {name!r} of {str(source)!r} has no images; put some in or delete it")
    ids = {label: index for index, label in enumerate(labels)}
    if unknown := sorted({label for _, label in images} - ids.keys()):
        raise DatasetError(
            f"split {name!r} of {str(source)!r} has label {first_names(unknown)}, which its split 'train' does not "
            "have; put images of it into 'train' or take it out"
        )
    ordered = sorted((ids[label], str(path), path) for path, label in images)
    return LabelledImages(labels, tuple(path for _, _, path in ordered), tuple(index for index, _, _ in ordered))


def _check_listed_once(splits: Mapping[str, LabelledImages], source: Path) -> None:
    """Refuse an image that is listed twice, also through links: what is held out must be unseen."""
    real_folders: dict[str, str] = {}
    seen: dict[str, tuple[str, str]] = {}
    for name, split in splits.items():
        for path, label_id in split:
            folder, file = os.path.split(path)
            if folder not in real_folders:
                real_folders[folder] = os.path.realpath(folder)
            key = os.path.realpath(path) if os.path.islink(path) else os.path.join(real_folders[folder], file)
            place = (name, split.labels[label_id])
            if key in seen:
                first, second = (f"split {split_name!r} under {label!r}" for split_name, label in (seen[key], place))
                raise DatasetError(
                    f"image {str(path)!r} is listed twice in {str(source)!r}: in {first} and in {second}; keep one"
                )
            seen[key] = place


def label_text(name: str) -> str:
    """Return a label as edgecls compares it: in Unicode NFC, so that a Mac's folder names are like all others."""
    return unicodedata.normalize("NFC", name)


def check_files_exist(paths: Sequence[Path], source: Path) -> None:
    """Refuse a list that names missing files.

    Raises:
        DatasetError: Some are missing; the message names the first ones and says how many.
    """
    # Path.is_file raises for a name that is too long for the system; what is listed may be anything.
    if missing := [path for path in paths if not os.path.isfile(path)]:
        fault = "are missing or not files" if any(map(os.path.exists, missing)) else "are missing"
        raise DatasetError(
            f"{len(missing)} of the {len(paths)} files listed in {str(source)!r} {fault}: "
            f"{first_names(list(map(str, missing)))}; relative paths start at the folder of the list"
        )


def first_names(names: Sequence[str]) -> str:
    """Return names as a message lists them: the first five, quoted."""
    return ", ".join(map(repr, names[:NAMED_AT_MOST])) + (", ..." if len(names) > NAMED_AT_MOST else "")
