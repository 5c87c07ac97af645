"""What a model may be tuned for."""

from enum import StrEnum

__all__ = ["Goal"]


class Goal(StrEnum):
    """What a setting is best for: many pictures (a folder, a server), or one whose answer is waited for."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"
