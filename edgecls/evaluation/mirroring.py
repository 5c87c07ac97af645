"""Does mirroring change what images mean? Measured by whether a network still says so once they are mirrored."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MirrorChange", "Mirroring", "measure_mirroring"]

TELLING_IMAGES = 3  # of a label, that become another one: fewer may be doubtful images
TELLING_PART = 0.25  # of the images of a label
TELLING_OF_ALL = 0.1  # of the images of all labels, where each label has too few to tell


@dataclass(frozen=True)
class MirrorChange:
    """Images of one label that were answered right and are answered otherwise when they are mirrored.

    Attributes:
        label: What they show, and what the network said.
        mirrored: What it says of the mirrored images.
        images: Their number.
        right: Number of all images of the label that are answered right.
    """

    label: str
    mirrored: str
    images: int
    right: int


@dataclass(frozen=True)
class Mirroring:
    """How often a right answer becomes another one when the image is mirrored left to right.

    Attributes:
        images: Number of images that were mirrored.
        right: Those of them that are answered right as they are.
        changes: Of these, those that are answered otherwise once mirrored; the most frequent change first.
    """

    images: int
    right: int
    changes: tuple[MirrorChange, ...]

    @property
    def changed(self) -> int:
        """Number of images whose right answer changes."""
        return sum(change.images for change in self.changes)

    @property
    def part(self) -> float:
        """Part of the right answers that changes, 0 to 1."""
        return self.changed / self.right if self.right else 0.0

    @property
    def telling(self) -> tuple[MirrorChange, ...]:
        """The changes that are too frequent for chance: there a mirrored image seems to mean something else."""
        return tuple(
            change
            for change in self.changes
            if change.images >= TELLING_IMAGES and change.images >= TELLING_PART * change.right
        )

    @property
    def changes_meaning(self) -> bool:
        """Whether mirroring seems to change what images mean, of some label or on the whole."""
        return bool(self.telling) or (self.changed >= TELLING_IMAGES and self.part >= TELLING_OF_ALL)


def measure_mirroring(
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    batches: Iterable[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]],
    labels: Sequence[str],
) -> Mirroring:
    """Let a network answer for images and for the same images mirrored left to right.

    Args:
        predict: Gives probabilities ``[N, K]`` for uint8 images ``[N, H, W, C]``.
        batches: Images at the network's size, and what they show, ``[N]``; taken one after the other.
        labels: The K labels.
    """
    changed: Counter[tuple[int, int]] = Counter()
    rights: Counter[int] = Counter()
    images = 0
    for pixels, label_ids in batches:
        images += len(label_ids)
        is_right = predict(pixels).argmax(axis=1) == label_ids
        mirrored = predict(np.ascontiguousarray(pixels[:, :, ::-1])).argmax(axis=1)
        for label, answer in zip(label_ids[is_right].tolist(), mirrored[is_right].tolist(), strict=True):
            rights[label] += 1
            changed[label, answer] += label != answer
    return Mirroring(
        images=images,
        right=rights.total(),
        changes=tuple(
            MirrorChange(labels[label], labels[answer], count, rights[label])
            for (label, answer), count in sorted(changed.items(), key=lambda item: (-item[1], item[0]))
            if count
        ),
    )
