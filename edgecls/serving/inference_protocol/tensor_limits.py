"""How many pictures a request may bring."""

import math

from edgecls.image_spec import ImageSpec

__all__ = ["max_batch_size"]

MAX_BATCH = 64  # pictures
MAX_BATCH_BYTES = 64 * 2**20  # of pixels at the model's size; bounds the memory of a request


def max_batch_size(spec: ImageSpec) -> int:
    """Return the largest number of pictures in one request, at least 1."""
    return max(1, min(MAX_BATCH, MAX_BATCH_BYTES // math.prod(spec.shape_hwc)))
