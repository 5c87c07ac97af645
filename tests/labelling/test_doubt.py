"""Doubtful labels: which are found, how many are expected, and what cannot be judged."""

import numpy as np
import pytest

from edgecls.labelling import doubt
from edgecls.labelling.doubt import Doubts, doubts, nearest_neighbours

LABELS = 4
PER_LABEL = 60


def _features(seed: int = 0, spread: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return features of length 1 around one direction for each label, and the labels."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(0, 1, (LABELS, 32))
    true = np.repeat(np.arange(LABELS), PER_LABEL)
    rows = directions[true] + rng.normal(0, spread, (len(true), 32))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), true


def _judged(rows: np.ndarray, given: np.ndarray, groups: np.ndarray | None = None) -> Doubts:
    groups = np.arange(len(rows)) if groups is None else groups
    return doubts(rows, given, groups, nearest_neighbours(rows, groups), labels=LABELS)


def _changed(true: np.ndarray, share: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(true), round(share * len(true)), replace=False)
    given = true.copy()
    given[chosen] = (given[chosen] + rng.integers(1, LABELS, len(chosen))) % LABELS
    return given, np.isin(np.arange(len(true)), chosen)


@pytest.mark.parametrize("share", [0.04, 0.1])
def test_changed_labels_are_the_most_doubtful(share: float) -> None:
    rows, true = _features()
    given, changed = _changed(true, share)

    found = _judged(rows, given)

    first = np.argsort(-found.wrong)[: changed.sum()]
    assert changed[first].mean() >= 0.8
    assert found.wrong[changed].mean() > 0.7 > 0.05 > found.wrong[~changed].mean()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.15])
def test_the_probabilities_say_how_many_labels_are_wrong(share: float) -> None:
    rows, true = _features(seed=2)
    given, changed = _changed(true, share)

    found = _judged(rows, given)

    assert found.noise == pytest.approx(share, abs=0.025)
    assert found.wrong.sum() == pytest.approx(changed.sum(), abs=6)


def test_a_copy_does_not_vouch_for_its_wrong_label() -> None:
    rows, true = _features(seed=3)
    rows, true = np.concatenate([rows, rows[:1]]), np.append(true, true[0])
    given = true.copy()
    given[[0, -1]] = (true[0] + 1) % LABELS
    groups = np.arange(len(rows))
    groups[-1] = 0

    together, apart = _judged(rows, given, groups), _judged(rows, given)

    assert together.wrong[[0, -1]].min() > 0.2 > 0.05 > apart.wrong[[0, -1]].max()
    assert nearest_neighbours(rows, groups).indices[0, 0] != len(rows) - 1
    assert nearest_neighbours(rows, np.arange(len(rows))).indices[0, 0] == len(rows) - 1


def test_the_only_image_of_a_label_cannot_be_judged() -> None:
    rows, true = _features(seed=4)
    kept = np.flatnonzero((true != 3) | (np.arange(len(true)) == len(true) - 1))

    found = _judged(rows[kept], true[kept])

    assert not found.is_judged[-1]
    assert found.wrong[-1] == 0
    assert found.is_judged[:-1].all()


def test_another_label_is_confident_as_far_as_images_that_have_it_are() -> None:
    rows, true = _features(seed=5)

    found = _judged(rows, true)

    own = found.probabilities[np.arange(len(true)), true]
    np.testing.assert_allclose(found.thresholds, [own[true == label].mean() for label in range(LABELS)])
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_of_more_images_than_landmarks_the_answers_are_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, true = _features()
    given, changed = _changed(true, 0.05)
    monkeypatch.setattr(doubt, "LANDMARKS", 80)
    monkeypatch.setattr(doubt, "ROWS_AT_ONCE", 37)

    found = _judged(rows, given)

    assert found.wrong[changed].mean() > 0.7 > 0.05 > found.wrong[~changed].mean()


def test_two_images_have_each_other_as_neighbours() -> None:
    rows, _ = _features()

    near = nearest_neighbours(rows[:2], np.arange(2))

    assert near.indices.tolist() == [[1], [0]]
