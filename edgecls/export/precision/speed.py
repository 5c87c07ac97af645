"""How fast a reduced network is beside the one in float32, here and now."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.export.parity import Network

__all__ = ["Speed", "compare_speed"]

ROUNDS = 15
ROUND_S = 0.05  # that each network runs in a round, about


@dataclass(frozen=True)
class Speed:
    """Pictures a second on the CPU, one after the other on one thread, decoding left out.

    Attributes:
        reduced: Of the reduced network in its best round, as other work on the machine only ever slows down.
        float32: Of the float32 network, likewise.
        ratio: How many times as fast the reduced network is, median of the ratios within the rounds.
    """

    reduced: float
    float32: float
    ratio: float


def compare_speed(reduced: Network, float32: Network, pixels: npt.NDArray[np.uint8]) -> Speed:
    """Let two networks take turns, so that a slow moment of the machine hits both.

    Args:
        reduced: One network.
        float32: The other.
        pixels: Some pictures, uint8 ``[N, height, width, channels]``.
    """
    _seconds(float32, pixels, 1)
    _seconds(reduced, pixels, 1)
    count = max(1, round(ROUND_S / max(1e-6, _seconds(float32, pixels, 1))))
    rounds = [(_seconds(reduced, pixels, count), _seconds(float32, pixels, count)) for _ in range(ROUNDS)]
    return Speed(
        reduced=count / min(mine for mine, _ in rounds),
        float32=count / min(other for _, other in rounds),
        ratio=statistics.median(other / mine for mine, other in rounds),
    )


def _seconds(network: Network, pixels: npt.NDArray[np.uint8], count: int) -> float:
    start = time.perf_counter()
    for index in range(count):
        place = index % len(pixels)
        network(pixels[place : place + 1])
    return time.perf_counter() - start
