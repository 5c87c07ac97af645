"""What may be done about rare labels; apart from splitting itself, so that options load no numpy."""

from enum import StrEnum

__all__ = ["RareLabels"]


class RareLabels(StrEnum):
    """What to do with labels that have too few images, or groups of them, for every split to get one."""

    REFUSE = "refuse"  # nothing is divided
    KEEP_IN_TRAIN = "keep_in_train"  # all their images go into train; held-out splits have none of them
    LEAVE_OUT = "leave_out"  # the labels are left out altogether
