"""Images with their labels, and the parts that a dataset is divided into."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import DatasetError

__all__ = ["Dataset", "LabelledImages"]


@dataclass(frozen=True)
class LabelledImages:
    """Paths of images and what they show.

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

    @property
    def counts(self) -> dict[str, int]:
        """Number of images for each label, in the order of `labels`."""
        counted = Counter(self.label_ids)
        return {label: counted[index] for index, label in enumerate(self.labels)}


@dataclass(frozen=True)
class Dataset:
    """Images divided into those to train on and those held out. All parts have the same `labels`.

    Attributes:
        train: Images to learn from; all of them where nobody has divided the dataset yet.
        validation: Images held out for choosing the best epoch, if the dataset names some.
        test: Images held out for the last word, if the dataset names some.

    Raises:
        DatasetError: Two parts do not have the same labels.
    """

    train: LabelledImages
    validation: LabelledImages | None = None
    test: LabelledImages | None = None

    def __post_init__(self) -> None:
        for name, part in self.splits.items():
            if part.labels != self.train.labels:
                raise DatasetError(f"the labels of {name} {part.labels} are not those of train {self.train.labels}")

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, sorted by code point."""
        return self.train.labels

    @property
    def splits(self) -> dict[str, LabelledImages]:
        """The parts there are, by the names "train", "val" and "test", in this order."""
        named = {"train": self.train, "val": self.validation, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}

    @property
    def whole(self) -> LabelledImages:
        """The images of all parts; within each label those of train first, then validation, then test."""
        merged = [
            (label_id, path)
            for part in self.splits.values()
            for label_id, path in zip(part.label_ids, part.paths, strict=True)
        ]
        merged.sort(key=lambda pair: pair[0])
        return LabelledImages(self.labels, tuple(path for _, path in merged), tuple(label_id for label_id, _ in merged))
