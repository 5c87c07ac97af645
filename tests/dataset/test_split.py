"""Holding pictures out."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecls.dataset.split import stratified_split
from edgecls.errors import DatasetError


@given(
    counts=st.lists(st.integers(2, 60), min_size=2, max_size=6),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_label_is_split_by_the_fraction(counts: list[int], fraction: float, seed: int) -> None:
    label_ids = [label for label, count in enumerate(counts) for _ in range(count)]

    kept, held_out = stratified_split(label_ids, fraction=fraction, seed=seed)

    assert sorted([*kept, *held_out]) == list(range(len(label_ids)))
    by_label = Counter(label_ids[index] for index in held_out)
    for label, count in enumerate(counts):
        assert 1 <= by_label[label] <= count - 1
        assert abs(by_label[label] - count * fraction) <= 1


def test_the_seed_decides() -> None:
    label_ids = [0] * 50 + [1] * 50

    same = [stratified_split(label_ids, fraction=0.2, seed=5) for _ in range(2)]
    assert same[0] == same[1]
    assert stratified_split(label_ids, fraction=0.2, seed=6) != same[0]


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, float("nan")])
def test_a_fraction_that_leaves_nothing_is_refused(fraction: float) -> None:
    with pytest.raises(DatasetError, match="above 0 and below 1"):
        stratified_split([0, 0, 1, 1], fraction=fraction, seed=0)


def test_a_lone_picture_cannot_be_split() -> None:
    with pytest.raises(DatasetError, match="only one picture"):
        stratified_split([0, 0, 1], fraction=0.5, seed=0)
