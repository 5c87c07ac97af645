"""Choices that commands and settings offer for a dataset; light to import, so that `--help` stays fast."""

from enum import StrEnum

__all__ = ["Cache", "RareLabels"]


class Cache(StrEnum):
    """Where the decoded images of a training run are kept."""

    AUTO = "auto"  # in memory if half of the free memory is enough, else on disk if it has space, else nowhere
    MEMORY = "memory"  # as one array in memory
    DISK = "disk"  # in one temporary file, mapped into memory
    STREAM = "stream"  # nowhere; images are decoded anew in every epoch


class RareLabels(StrEnum):
    """What to do with labels that have too few images, or groups of them, for every split to get one."""

    REFUSE = "refuse"  # nothing is divided
    KEEP_IN_TRAIN = "keep_in_train"  # all their images go into train; held-out splits have none of them
    LEAVE_OUT = "leave_out"  # the labels are left out altogether
