"""What training minimises."""

import numpy as np
import pytest

from edgecls.training.config import ClassWeights
from edgecls.training.trainer import cross_entropy, label_weights

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_taken_against_smoothed_targets(smoothing: float) -> None:
    targets = np.eye(3)[[0, 1]] * (1 - smoothing) + smoothing / 3

    losses = cross_entropy(num_classes=3, label_smoothing=smoothing)(np.array([0, 1]), PROBABILITIES)

    np.testing.assert_allclose(np.asarray(losses), -(targets * np.log(PROBABILITIES)).sum(axis=1), rtol=1e-5)


def test_balanced_weights_give_each_label_the_same_sum() -> None:
    label_ids = np.array([0] * 6 + [1] * 3 + [2], np.int32)

    weights = label_weights(label_ids, num_classes=3, kind=ClassWeights.BALANCED)

    assert weights is not None
    np.testing.assert_allclose(weights * [6, 3, 1], [10 / 3] * 3, rtol=1e-6)
    assert weights[label_ids].mean() == pytest.approx(1)
    assert label_weights(label_ids, num_classes=3, kind=ClassWeights.NONE) is None
