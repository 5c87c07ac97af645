"""Dividing pictures into parts, label by label, without tearing groups apart."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from edgecls.errors import DatasetError

__all__ = ["partition"]


def partition(
    label_ids: Sequence[int],
    groups: Sequence[int],
    ratios: Sequence[float],
    seed: int,
    *,
    labels: Sequence[str] | None = None,
) -> list[list[int]]:
    """Divide the indices of pictures into parts, so that each part has its share of every label.

    All pictures of a group come into the same part. The groups of a label are dealt out in a random
    order, large ones first, each to the part that lacks most. Where every picture is a group of its own, each
    part gets its share of every label, to within a picture for each part; with larger groups no part gets
    more of a label than its share and its largest group, unless groups have pictures of several labels.

    Args:
        label_ids: The label of each picture.
        groups: A number for each picture, the same for those that must stay together; ``range(n)`` if none must.
        ratios: The share of each part, above 0; as 80 and 20, or 0.7, 0.15 and 0.15.
        seed: Same seed, same division.
        labels: The names of the labels, for messages.

    Returns:
        For each part the indices of its pictures, in ascending order; every part has a picture of every label.

    Raises:
        DatasetError: A share is not above 0, or the groups of a label cannot be dealt out so that every part has one.
    """
    if len(ratios) < 2 or not all(0 < ratio < np.inf for ratio in ratios):
        raise DatasetError(f"a division needs at least two parts, each with a share above 0; got {list(ratios)}")
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    content = {group: Counter(label_ids[index] for index in indices) for group, indices in members.items()}
    groups_left = Counter(label for counts in content.values() for label in counts)
    for label, count in sorted(groups_left.items()):
        if count < len(ratios):
            raise DatasetError(
                f"label {_name(label, labels)} has {count} picture(s) or groups of pictures that belong together, "
                f"{len(ratios)} are needed for {len(ratios)} parts; add pictures of it, or ask for fewer parts"
            )
    # Of each label, how many pictures each part still lacks, and which parts have none yet.
    missing = {label: _shares(count, ratios) for label, count in Counter(label_ids).items()}
    without = {label: set(range(len(ratios))) for label in missing}
    parts: list[list[int]] = [[] for _ in ratios]
    for group in _dealing_order(content, seed):
        counts = content[group]
        # A label whose groups are running out has to go to the parts that have nothing of it yet.
        claims = [without[label] for label in counts if len(without[label]) >= groups_left[label]]
        allowed = set.intersection(*claims) if claims else set(range(len(ratios)))
        best = max(
            sorted(allowed) or range(len(ratios)),
            key=lambda part: sum(missing[label][part] for label in counts),
        )
        parts[best] += members[group]
        for label, count in counts.items():
            missing[label][best] -= count
            without[label].discard(best)
            groups_left[label] -= 1
    for label, empty in sorted(without.items()):
        if empty:
            raise DatasetError(
                f"the pictures of label {_name(label, labels)} cannot be dealt out to {len(ratios)} parts, because too "
                "many of them belong together with pictures of other labels; look at them with edgecls data check"
            )
    return [sorted(part) for part in parts]


def _shares(count: int, ratios: Sequence[float]) -> list[int]:
    """Divide a number in the given ratios, rounding by the largest remainder, into whole numbers of at least 1."""
    exact = np.asarray(ratios, float) / sum(ratios) * count
    shares = np.floor(exact).astype(int)
    for part in np.argsort(shares - exact, kind="stable")[: count - shares.sum()]:
        shares[part] += 1
    while shares.min() < 1:
        shares[shares.argmax()] -= 1
        shares[shares.argmin()] += 1
    return [int(share) for share in shares]


def _dealing_order(content: dict[int, Counter[int]], seed: int) -> list[int]:
    """Return the groups at random, but first those of several labels, and among equals the large ones first."""
    groups = list(content)
    shuffled = [groups[position] for position in np.random.default_rng(seed).permutation(len(groups))]
    return sorted(shuffled, key=lambda group: (len(content[group]) == 1, -content[group].total()))


def _name(label: int, labels: Sequence[str] | None) -> str:
    return f"number {label}" if labels is None else repr(labels[label])
