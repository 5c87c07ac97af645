"""Work that is always the same and none of edgecls's, to tell how fast the machine itself is at a time."""

import statistics
import threading
import time

import cv2
import numpy as np

from edgecls.runtime.cores import usable_cores
from edgecls.runtime.tuning.pictures import camera_like_jpegs

__all__ = ["Yardstick"]

MEASUREMENTS = 5  # of which the median counts, as a burst of others hits one or two
REPEATS = 8  # about a fiftieth of a second each
SIDE = 256  # of the square matrices


class Yardstick:
    """Decodes a JPEG and multiplies matrices with OpenCV, in as many threads as there are usable cores."""

    def __init__(self) -> None:
        (picture,) = camera_like_jpegs(1)  # its module has OpenCV use one thread a call
        self._encoded = np.frombuffer(picture, np.uint8)
        self._matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
        self._threads = usable_cores()

    def measure(self) -> float:
        """Return how long the work takes now, in seconds."""
        return statistics.median(self._measure_once() for _ in range(MEASUREMENTS))

    def _measure_once(self) -> float:
        threads = [threading.Thread(target=self._work) for _ in range(self._threads)]
        start_s = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start_s

    def _work(self) -> None:
        for _ in range(REPEATS):
            cv2.imdecode(self._encoded, cv2.IMREAD_COLOR)
            cv2.gemm(self._matrix, self._matrix, 1, self._matrix, 0)
