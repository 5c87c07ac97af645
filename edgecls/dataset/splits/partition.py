"""Dividing images into splits, label by label, without separating groups; and what happens to rare labels."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from edgecls.errors import DatasetError

__all__ = ["partition", "without_rare"]

NAMED_AT_MOST = 20  # labels in a message
WAYS_OUT = "add images of them, keep them all in train (--keep-rare-in-train), or leave them out (--leave-out-rare)"


def partition(
    label_ids: Sequence[int],
    groups: Sequence[int],
    ratios: Sequence[float],
    seed: int,
    *,
    labels: Sequence[str] | None = None,
    rare_in: int | None = None,
) -> list[list[int]]:
    """Divide the indices of images into splits, so that each split has its share of every label.

    All images of a group go into the same split. The groups of a label are dealt out in random
    order, large ones first, each to the split that lacks most. If every image is a group of its own, each
    split gets its share of every label, to within one image; with larger groups no split gets
    more of a label than its share and its largest group, unless groups have images of several labels.

    Args:
        label_ids: The label of each image.
        groups: A number for each image, the same for those that must stay together; ``range(n)`` if none do.
        ratios: The share of each split, above 0; as 80 and 20, or 0.7, 0.15 and 0.15.
        seed: Same seed, same division.
        labels: The names of the labels, for messages.
        rare_in: The split that takes all images of labels with too few groups; None to refuse such labels.

    Returns:
        For each split the indices of its images, in ascending order; every split has an image of every label that
        is not rare.

    Raises:
        DatasetError: A share is not above 0, the groups of some labels cannot be dealt out so that every split has
            one (all such labels are named), or a split would be empty.
    """
    if len(ratios) < 2 or not all(0 < ratio < np.inf for ratio in ratios):
        raise DatasetError(f"a division needs at least two splits, each with a share above 0; got {list(ratios)}")
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    content = {group: Counter(label_ids[index] for index in indices) for group, indices in members.items()}
    rare: set[int] = set()
    while True:
        counts = _groups_per_label(counted for counted in content.values() if not rare & counted.keys())
        few = {label: counts[label] for label in set(label_ids) - rare if counts[label] < len(ratios)}
        if few and rare_in is None:
            raise DatasetError(_too_few(few, len(ratios), labels))
        rare |= few.keys()
        if few:
            continue
        held = {group for group, counted in content.items() if rare & counted.keys()}
        splits, empty = _dealt(members, content, held, rare, label_ids, ratios, seed, rare_in)
        if not empty:
            break
        if rare_in is None:
            named = _named(empty, labels)
            raise DatasetError(
                f"the images of label {named} cannot be divided into {len(ratios)} splits, because too many of them "
                f"belong together with images of other labels; inspect them with edgecls data check, or {WAYS_OUT}"
            )
        rare |= empty
    if rare and not all(splits):
        raise DatasetError(
            f"nearly all labels have fewer than {len(ratios)} images or groups of images that belong together, "
            f"which leaves a split of {len(ratios)} empty; add images"
        )
    return [sorted(split) for split in splits]


def without_rare(label_ids: Sequence[int], groups: Sequence[int], *, split_count: int) -> list[int]:
    """Return the indices of the images whose labels have at least as many groups as there are splits."""
    groups_of: dict[int, set[int]] = {}
    for label, group in zip(label_ids, groups, strict=True):
        groups_of.setdefault(label, set()).add(group)
    return [index for index, label in enumerate(label_ids) if len(groups_of[label]) >= split_count]


def _groups_per_label(contents: Iterable[Counter[int]]) -> Counter[int]:
    return Counter(label for counted in contents for label in counted)


def _dealt(
    members: dict[int, list[int]],
    content: dict[int, Counter[int]],
    held: Collection[int],
    rare: Collection[int],
    label_ids: Sequence[int],
    ratios: Sequence[float],
    seed: int,
    rare_in: int | None,
) -> tuple[list[list[int]], set[int]]:
    """Deal the groups out, those in `held` to the split `rare_in`; return the splits, and the labels that one lacks."""
    splits: list[list[int]] = [[] for _ in ratios]
    # Of each label, how many images each split still lacks, and which splits have none yet.
    missing = {label: _shares(count, ratios) for label, count in Counter(label_ids).items() if label not in rare}
    without = {label: set(range(len(ratios))) for label in missing}
    groups_left = _groups_per_label(counted for group, counted in content.items() if group not in held)

    def give(group: int, split: int) -> None:
        splits[split] += members[group]
        for label in content[group].keys() & missing.keys():
            missing[label][split] -= content[group][label]
            without[label].discard(split)

    for group in held:
        if rare_in is not None:
            give(group, rare_in)
    for group in _dealing_order({group: counted for group, counted in content.items() if group not in held}, seed):
        counts = content[group]
        # A label whose groups are running out has to go to the splits that have nothing of it yet.
        claims = [without[label] for label in counts if len(without[label]) >= groups_left[label]]
        allowed = set.intersection(*claims) if claims else set(range(len(ratios)))
        best = max(
            sorted(allowed) or range(len(ratios)),
            key=lambda split: sum(missing[label][split] for label in counts),
        )
        give(group, best)
        for label in counts:
            groups_left[label] -= 1
    return splits, {label for label, lacking in without.items() if lacking}


def _too_few(few: dict[int, int], split_count: int, labels: Sequence[str] | None) -> str:
    """Return the message on all labels that have too few groups."""
    listed = [f"label {_named([label], labels)} has {count}" for label, count in sorted(few.items())]
    more = f", and {len(listed) - NAMED_AT_MOST} more" if len(listed) > NAMED_AT_MOST else ""
    first = f"{listed[0]} image(s) or groups of images that belong together"
    return (
        f"{', '.join([first, *listed[1:NAMED_AT_MOST]])}{more}; {split_count} are needed for {split_count} splits: "
        f"{WAYS_OUT}{', or ask for fewer splits' if split_count > 2 else ''}"
    )


def _shares(count: int, ratios: Sequence[float]) -> list[int]:
    """Divide a number in the given ratios into integers of at least 1, by the largest remainder."""
    exact = np.asarray(ratios, float) / sum(ratios) * count
    shares = np.floor(exact).astype(int)
    for split in np.argsort(shares - exact, kind="stable")[: count - shares.sum()]:
        shares[split] += 1
    while shares.min() < 1:
        shares[shares.argmax()] -= 1
        shares[shares.argmin()] += 1
    return [int(share) for share in shares]


def _dealing_order(content: dict[int, Counter[int]], seed: int) -> list[int]:
    """Return the groups in random order, those of several labels first, then large ones before small ones."""
    groups = list(content)
    shuffled = [groups[position] for position in np.random.default_rng(seed).permutation(len(groups))]
    return sorted(shuffled, key=lambda group: (len(content[group]) == 1, -content[group].total()))


def _named(label_ids: Iterable[int], labels: Sequence[str] | None) -> str:
    ordered = sorted(label_ids)
    named = [f"number {label}" if labels is None else repr(labels[label]) for label in ordered[:NAMED_AT_MOST]]
    return ", ".join(named) + (", ..." if len(ordered) > NAMED_AT_MOST else "")
