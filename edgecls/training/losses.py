"""What training minimises, and how much the pictures of each label count in it."""

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from edgecls.training.config import ClassWeights

__all__ = ["cross_entropy", "label_weights"]


def cross_entropy(*, num_classes: int, label_smoothing: float) -> Callable[[object, object], object]:
    """Return the cross-entropy between labels and probabilities, in nats, for each picture of a batch.

    Args:
        num_classes: Number of labels.
        label_smoothing: Part of the target that is spread evenly over all labels, 0 to below 1.
    """
    if not label_smoothing:
        return keras.losses.sparse_categorical_crossentropy  # type: ignore[no-any-return]

    def smoothed_cross_entropy(label_ids: object, probabilities: object) -> object:
        wanted = keras.ops.one_hot(keras.ops.reshape(label_ids, (-1,)), num_classes)
        return keras.losses.categorical_crossentropy(wanted, probabilities, label_smoothing=label_smoothing)

    return smoothed_cross_entropy


def label_weights(
    label_ids: npt.NDArray[np.int32], *, num_classes: int, kind: ClassWeights
) -> npt.NDArray[np.float32] | None:
    """Return how much a picture of each label counts, float32 ``[num_classes]``, or None if all count alike.

    Balanced weights give each label the same sum; over all pictures their mean is 1.

    Args:
        label_ids: The labels of the pictures that are trained on; each occurs.
        num_classes: Number of labels.
        kind: Which weights.
    """
    if kind is ClassWeights.NONE:
        return None
    counts = np.bincount(label_ids, minlength=num_classes)
    return (len(label_ids) / (num_classes * counts)).astype(np.float32)
