"""What becomes of labels that are too small to be divided."""

from enum import StrEnum

__all__ = ["RareLabels"]


class RareLabels(StrEnum):
    """What becomes of labels with too few images, or groups of them, for every split to have one.

    REFUSE: nothing is divided.
    KEEP_IN_TRAIN: all their images go into train; what is held out has none of them.
    LEAVE_OUT: the labels are left out altogether.
    """

    REFUSE = "refuse"
    KEEP_IN_TRAIN = "keep_in_train"
    LEAVE_OUT = "leave_out"
