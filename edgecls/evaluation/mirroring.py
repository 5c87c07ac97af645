"""Does mirroring change the label of images? Measured by how often it changes a correct prediction."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MirrorChange", "Mirroring", "measure_mirroring", "mirroring_of"]

TELLING_IMAGES = 3  # of a label, whose prediction changes to the same other label: fewer may be ambiguous images
TELLING_FRACTION = 0.25  # of the images of a label
TELLING_OF_ALL = 0.1  # of the images of all labels, where each label alone has too few


@dataclass(frozen=True)
class MirrorChange:
    """Images of one label that are classified correctly, and as another one when they are mirrored.

    Attributes:
        label: Their true label, and the one predicted.
        mirrored: The label predicted for the mirrored images.
        images: Their number.
        right: Number of all images of the label that are classified correctly.
    """

    label: str
    mirrored: str
    images: int
    right: int


@dataclass(frozen=True)
class Mirroring:
    """How often mirroring an image left to right changes a correct prediction.

    Attributes:
        images: Number of images that were mirrored.
        right: Number of those that are classified correctly as they are.
        changes: The changed predictions among these, the most frequent change first.
    """

    images: int
    right: int
    changes: tuple[MirrorChange, ...]

    @property
    def changed(self) -> int:
        """Number of images whose correct prediction changes."""
        return sum(change.images for change in self.changes)

    @property
    def fraction(self) -> float:
        """Fraction of the correct predictions that change, 0 to 1."""
        return self.changed / self.right if self.right else 0.0

    @property
    def telling(self) -> tuple[MirrorChange, ...]:
        """The changes that are too frequent for chance: there a mirrored image seems to have another label."""
        return tuple(
            change
            for change in self.changes
            if change.images >= TELLING_IMAGES and change.images >= TELLING_FRACTION * change.right
        )

    @property
    def changes_meaning(self) -> bool:
        """Whether mirroring seems to change what images mean, for some label or overall."""
        return bool(self.telling) or (self.changed >= TELLING_IMAGES and self.fraction >= TELLING_OF_ALL)


def measure_mirroring(
    predict: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    batches: Iterable[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]],
    labels: Sequence[str],
) -> Mirroring:
    """Compare the predictions for images with those for the same images mirrored left to right.

    Args:
        predict: Gives probabilities ``[N, K]`` for uint8 images ``[N, H, W, C]``.
        batches: Images at the size of the network, and their label numbers, ``[N]``.
        labels: The K labels.
    """
    answers, mirrored, label_ids = [], [], []
    for pixels, ids in batches:
        answers.append(predict(pixels).argmax(axis=1))
        mirrored.append(predict(np.ascontiguousarray(pixels[:, :, ::-1])).argmax(axis=1))
        label_ids.append(ids)
    return mirroring_of(np.concatenate(answers), np.concatenate(mirrored), np.concatenate(label_ids), labels)


def mirroring_of(
    answers: npt.NDArray[np.integer],
    mirrored: npt.NDArray[np.integer],
    label_ids: npt.NDArray[np.integer],
    labels: Sequence[str],
) -> Mirroring:
    """Compare the labels predicted for images with those for the same images mirrored.

    Args:
        answers: Label numbers predicted for the images, ``[N]``.
        mirrored: The same for the mirrored images.
        label_ids: The true ones.
        labels: The labels.
    """
    is_right = answers == label_ids
    rights = Counter(label_ids[is_right].tolist())
    changed = Counter(
        (label, answer)
        for label, answer in zip(label_ids[is_right].tolist(), mirrored[is_right].tolist(), strict=True)
        if label != answer
    )
    return Mirroring(
        images=len(label_ids),
        right=rights.total(),
        changes=tuple(
            MirrorChange(labels[label], labels[answer], count, rights[label])
            for (label, answer), count in sorted(changed.items(), key=lambda item: (-item[1], item[0]))
        ),
    )
