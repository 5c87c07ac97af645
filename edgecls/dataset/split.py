"""Holding pictures out of training."""

from collections.abc import Sequence

import numpy as np

from edgecls.errors import DatasetError

__all__ = ["stratified_split"]


def stratified_split(label_ids: Sequence[int], *, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Split the indices of pictures into those to train on and those held out, label by label.

    Args:
        label_ids: The label of each picture.
        fraction: Part of each label's pictures to hold out, above 0 and below 1; at least one picture
            of every label is held out and at least one stays.
        seed: Same seed, same split.

    Returns:
        Indices to train on and indices held out, each in ascending order.

    Raises:
        DatasetError: A label has fewer than two pictures, or `fraction` is outside its limits.
    """
    if not 0 < fraction < 1:
        raise DatasetError(f"the part of pictures to hold out must be above 0 and below 1, got {fraction}")
    ids = np.asarray(label_ids)
    rng = np.random.default_rng(seed)
    held_out: list[int] = []
    for label in np.unique(ids):
        members = np.flatnonzero(ids == label)
        if len(members) < 2:
            raise DatasetError(f"label number {label} has only one picture; each label needs at least 2")
        count = min(max(1, round(len(members) * fraction)), len(members) - 1)
        held_out += rng.permutation(members)[:count].tolist()
    kept = np.setdiff1d(np.arange(len(ids)), held_out)
    return kept.tolist(), sorted(held_out)
