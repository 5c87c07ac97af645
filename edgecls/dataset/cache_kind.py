"""Where decoded images may be kept; apart from the cache itself, so that options load no numpy."""

from enum import StrEnum

__all__ = ["Cache"]


class Cache(StrEnum):
    """Where the decoded images of a training run are kept."""

    AUTO = "auto"  # in memory if half of the free memory is enough, else on disk if it has space, else nowhere
    MEMORY = "memory"  # as one array in memory
    DISK = "disk"  # in one temporary file, mapped into memory
    STREAM = "stream"  # nowhere; images are decoded anew in every epoch
