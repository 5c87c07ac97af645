"""One measurement of a setting: the times of the images that were classified with it."""

import statistics
from dataclasses import dataclass

__all__ = ["ImageTime", "Trial"]


@dataclass(frozen=True)
class ImageTime:
    """Where the time of an image went, from its bytes to its answer, in milliseconds.

    Attributes:
        decode_ms: Decoding and resizing.
        queue_ms: Waiting: for the batch before to end; where images come at fixed times, for the image before.
        inference_ms: The network.
    """

    decode_ms: float
    queue_ms: float
    inference_ms: float

    @property
    def latency_ms(self) -> float:
        """All of it."""
        return self.decode_ms + self.queue_ms + self.inference_ms


@dataclass(frozen=True)
class Trial:
    """One measurement of a setting.

    Attributes:
        times: Of each image, at least one.
        elapsed_s: From the first image to the last answer, in seconds.
    """

    times: tuple[ImageTime, ...]
    elapsed_s: float

    @property
    def images_per_s(self) -> float:
        """Images a second, decoding included."""
        return len(self.times) / self.elapsed_s

    @property
    def latency_ms(self) -> float:
        """Median time of an image, in milliseconds."""
        return statistics.median(time.latency_ms for time in self.times)
