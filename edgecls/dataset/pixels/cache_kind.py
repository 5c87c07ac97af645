"""Where the decoded pictures of a training run are kept."""

from enum import StrEnum

__all__ = ["Cache"]


class Cache(StrEnum):
    """Where the decoded pictures of a training run are kept.

    AUTO: in memory if half of what is free is enough, else on disk if there is room, else nowhere.
    MEMORY: as one array in memory.
    DISK: in one temporary file, mapped into memory.
    STREAM: nowhere; pictures are decoded anew in every epoch.
    """

    AUTO = "auto"
    MEMORY = "memory"
    DISK = "disk"
    STREAM = "stream"
