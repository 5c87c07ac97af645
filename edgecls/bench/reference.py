"""A reference workload: fixed work without edgecls's own code, to tell how fast the machine is at the moment."""

import itertools
import statistics
import threading
import time
from enum import StrEnum

import cv2
import numpy as np

from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.tuning.timed_images import camera_like_jpegs

__all__ = ["Load", "ReferenceWorkload"]

MEASUREMENTS = 3  # of which the median counts, as other programs come in bursts
PIECES = 12  # of work for each core, of about two milliseconds
SIDE = 256  # of the square matrices


class Load(StrEnum):
    """How many cores something keeps busy; one core stays fast while another program uses the next one."""

    ONE_CORE = "one_core"
    ALL_CORES = "all_cores"


class ReferenceWorkload:
    """Decodes a JPEG and multiplies matrices with OpenCV, over and over, on one core or on all usable ones.

    Args:
        load: How much of the machine to keep busy.
    """

    def __init__(self, load: Load) -> None:
        (image,) = camera_like_jpegs(1)  # its module has OpenCV use one thread a call
        self._encoded = np.frombuffer(image, np.uint8)
        self._matrix = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
        self._threads = usable_cores() if load is Load.ALL_CORES else 1

    def measure(self) -> float:
        """Return how long the work takes now, in seconds."""
        return statistics.median(self._measure_once() for _ in range(MEASUREMENTS))

    def _measure_once(self) -> float:
        # Threads take the next piece when they are done with one, as those of edgecls take images.
        pieces = itertools.count()

        def work() -> None:
            while next(pieces) < PIECES * self._threads:
                cv2.imdecode(self._encoded, cv2.IMREAD_COLOR)
                cv2.gemm(self._matrix, self._matrix, 1, self._matrix, 0)

        threads = [threading.Thread(target=work) for _ in range(self._threads)]
        start_s = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - start_s
