"""Images to measure with: generated ones, or those that the user names."""

from collections.abc import Sequence

import numpy as np

from edgecls.errors import ImageDecodeError, ImageError
from edgecls.image import decode, encode_jpeg
from edgecls.image_limits import DEFAULT_LIMITS
from edgecls.resize import resize
from edgecls.runtime.many_images import find_names, open_source

__all__ = ["camera_like_jpegs", "read_images"]

MOST_IMAGES = 64
MOST_BYTES = 256 * 2**20
HEIGHT, WIDTH = 375, 500  # as most images of ImageNet
QUALITY = 90
COLORED_PATCHES = 12  # along the longer side
NOISE = 10.0  # standard deviation


def camera_like_jpegs(count: int) -> list[bytes]:
    """Return JPEGs that cost as much to decode as photos of their size: soft patches under the noise of a sensor.

    Args:
        count: How many, all different; the same at every call.
    """
    rng = np.random.default_rng(0)
    encoded = []
    for _ in range(count):
        patches = rng.integers(0, 256, (COLORED_PATCHES * HEIGHT // WIDTH, COLORED_PATCHES, 3), dtype=np.uint8)
        noisy = resize(patches, HEIGHT, WIDTH) + rng.normal(0, NOISE, (HEIGHT, WIDTH, 3))
        encoded.append(encode_jpeg(noisy.clip(0, 255).astype(np.uint8), quality=QUALITY))
    return encoded


def read_images(paths: Sequence[str]) -> tuple[list[bytes], list[ImageError]]:
    """Read a few of the images that a user names, spread evenly over them.

    Args:
        paths: Files, folders, patterns.

    Returns:
        The encoded images, at least one and no more than fit into memory, and the faults of those that
        cannot be decoded.

    Raises:
        ImageReadError: An image cannot be read.
        ImageTooLargeError: One has more bytes or pixels than the usual limits allow.
        ImageDecodeError: None can be decoded.
    """
    names = find_names(paths)
    chosen = [names[index * len(names) // MOST_IMAGES] for index in range(MOST_IMAGES)]
    encoded: list[bytes] = []
    faults: list[ImageError] = []
    for name in dict.fromkeys(chosen):
        data = open_source(name).read(DEFAULT_LIMITS)
        try:
            decode(data, name=name)
        except ImageDecodeError as error:
            faults.append(error)
            continue
        if encoded and sum(map(len, encoded)) + len(data) > MOST_BYTES:
            break
        encoded.append(data)
    if not encoded:
        raise faults[0]
    return encoded, faults
