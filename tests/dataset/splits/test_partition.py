"""Dividing images into splits."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecls.dataset.splits.partition import partition
from edgecls.errors import DatasetError

RATIOS = st.sampled_from([(80, 20), (70, 30), (70, 15, 15), (0.5, 0.5), (0.9, 0.1), (97, 2, 1)])
SEEDS = st.integers(0, 2**32 - 1)


@given(counts=st.lists(st.integers(3, 60), min_size=1, max_size=6), ratios=RATIOS, seed=SEEDS)
@settings(deadline=None)
def test_every_split_gets_its_share_of_every_label(counts: list[int], ratios: tuple[float, ...], seed: int) -> None:
    label_ids = [label for label, count in enumerate(counts) for _ in range(count)]

    splits = partition(label_ids, range(len(label_ids)), ratios, seed)

    assert sorted(index for split in splits for index in split) == list(range(len(label_ids)))
    for split, ratio in zip(splits, ratios, strict=True):
        assert split == sorted(split)
        in_split = Counter(label_ids[index] for index in split)
        for label, count in enumerate(counts):
            assert in_split[label] >= 1
            exact = count * ratio / sum(ratios)
            # Whole images cost up to 1; that each other split must have one may cost 1 for each of them.
            assert abs(in_split[label] - exact) <= len(ratios) - 1


@st.composite
def _grouped_labels(draw: st.DrawFn) -> list[list[int]]:
    """Of each label the sizes of its groups, at least 3 of them."""
    return draw(st.lists(st.lists(st.integers(1, 12), min_size=3, max_size=12), min_size=1, max_size=5))


@given(sizes=_grouped_labels(), ratios=RATIOS, seed=SEEDS, data=st.data())
@settings(deadline=None)
def test_groups_stay_whole_and_the_shares_are_met_as_far_as_they_allow(
    sizes: list[list[int]], ratios: tuple[float, ...], seed: int, data: st.DataObject
) -> None:
    images = [
        (label, 100 * label + number) for label, groups in enumerate(sizes) for number, size in enumerate(groups)
        for _ in range(size)
    ]  # fmt: skip
    images = data.draw(st.permutations(images))
    label_ids, groups = zip(*images, strict=True)

    splits = partition(label_ids, groups, ratios, seed)

    assert sorted(index for split in splits for index in split) == list(range(len(images)))
    split_groups = [{groups[index] for index in split} for split in splits]
    assert sum(map(len, split_groups)) == len(set(groups))
    for split, ratio in zip(splits, ratios, strict=True):
        in_split = Counter(label_ids[index] for index in split)
        for label, label_sizes in enumerate(sizes):
            share = sum(label_sizes) * ratio / sum(ratios)
            assert 1 <= in_split[label] <= max(share, 1) + max(label_sizes)


@given(
    label_ids=st.lists(st.integers(0, 3), min_size=8, max_size=60),
    seed=SEEDS,
    data=st.data(),
)
@settings(deadline=None)
def test_groups_of_several_labels_stay_whole_or_are_refused(
    label_ids: list[int], seed: int, data: st.DataObject
) -> None:
    groups = data.draw(st.lists(st.integers(0, 30), min_size=len(label_ids), max_size=len(label_ids)))

    try:
        splits = partition(label_ids, groups, (80, 20), seed)
    except DatasetError as error:
        refusal = str(error)
    else:
        refusal = ""

    if refusal:
        assert "belong together" in refusal
        return
    assert sorted(index for split in splits for index in split) == list(range(len(label_ids)))
    assert {groups[index] for index in splits[0]} & {groups[index] for index in splits[1]} == set()
    assert all({label_ids[index] for index in split} == set(label_ids) for split in splits)


def test_the_seed_decides() -> None:
    label_ids = [0] * 50 + [1] * 50

    same = [partition(label_ids, range(100), (80, 20), 5) for _ in range(2)]

    assert same[0] == same[1]
    assert partition(label_ids, range(100), (80, 20), 6) != same[0]


def test_labels_in_one_group_come_into_one_part() -> None:
    label_ids = [0, 0, 0, 1, 1, 1]

    for seed in range(20):
        splits = partition(label_ids, [7, 1, 2, 7, 3, 4], (50, 50), seed)
        assert any({0, 3} <= set(split) for split in splits)


def test_a_large_group_does_not_starve_the_other_splits() -> None:
    assert [len(split) for split in partition([0] * 22, [0] * 10 + [1] * 10 + [2, 3], (70, 15, 15), 0)] == [20, 1, 1]


@given(
    label_ids=st.lists(st.integers(0, 5), min_size=8, max_size=60),
    seed=SEEDS,
    ratios=RATIOS,
    rare_in=st.integers(0, 1),
    data=st.data(),
)
@settings(deadline=None)
def test_rare_labels_go_into_one_split_and_all_others_are_divided(
    label_ids: list[int], seed: int, ratios: tuple[float, ...], rare_in: int, data: st.DataObject
) -> None:
    groups = data.draw(st.lists(st.integers(0, 40), min_size=len(label_ids), max_size=len(label_ids)))

    try:
        splits = partition(label_ids, groups, ratios, seed, rare_in=rare_in)
    except DatasetError as error:
        refusal = str(error)
    else:
        refusal = ""

    if refusal:
        assert "leaves a split" in refusal
        return
    assert sorted(index for split in splits for index in split) == list(range(len(label_ids)))
    for group in set(groups):
        assert sum(any(groups[index] == group for index in split) for split in splits) == 1
    for label in set(label_ids):
        having = {number for number, split in enumerate(splits) for index in split if label_ids[index] == label}
        assert having in ({rare_in}, set(range(len(ratios))))


def test_all_rare_labels_are_named_at_once() -> None:
    with pytest.raises(DatasetError, match=r"label 'a' has 1 image.*, label 'c' has 1; 2 are .*--leave-out-rare"):
        partition([0, 1, 1, 2], range(4), (80, 20), 0, labels=("a", "b", "c"))


@pytest.mark.parametrize(
    ("label_ids", "groups", "ratios", "message"),
    [
        ([0, 0, 1], [0, 1, 2], (80, 20), r"label 'rose' has 1 image|label 'tulip' has 1 image"),
        ([0, 0, 1, 1], [0, 0, 1, 2], (80, 20), "label 'rose' has 1 image.*2 are needed for 2 splits"),
        ([0, 0, 0, 1, 1], range(5), (70, 15, 15), "label 'tulip' has 2 .*3 are needed"),
        ([0, 0], range(2), (100,), "at least two splits"),
        ([0, 0], range(2), (100, 0), "above 0"),
        ([0, 0], range(2), (float("nan"), 1), "above 0"),
    ],
    ids=["lone-image", "lone-group", "two-for-three", "one-split", "no-share", "nan"],
)
def test_what_cannot_be_divided_is_refused(
    label_ids: list[int], groups: list[int], ratios: tuple[float, ...], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        partition(label_ids, groups, ratios, 0, labels=("rose", "tulip"))
