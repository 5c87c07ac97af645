"""Room for decoded images."""

from pathlib import Path

import numpy as np
import pytest

from edgecls.dataset.pixel_cache import Cache, allocate_pixels, choose_cache, free_disk_bytes
from edgecls.errors import DatasetError


@pytest.mark.parametrize(
    ("size", "memory", "disk", "chosen"),
    [
        (50, 100, 0, Cache.MEMORY),
        (51, 100, 100, Cache.DISK),
        (80, 100, 100, Cache.DISK),
        (81, 100, 100, Cache.STREAM),
        (10**15, None, 0, Cache.MEMORY),
    ],
    ids=["half-of-memory", "more-than-half", "most-of-the-disk", "larger-than-both", "nobody-knows"],
)
def test_memory_comes_before_disk_and_disk_before_nothing(
    size: int, memory: int | None, disk: int, chosen: Cache
) -> None:
    assert choose_cache(size, memory_bytes=memory, disk_bytes=disk) is chosen


def test_the_file_on_disk_has_no_name_and_keeps_what_is_written(tmp_path: Path) -> None:
    pixels = allocate_pixels((5, 4, 3, 3), Cache.DISK, folder=tmp_path)

    assert isinstance(pixels, np.memmap)
    assert list(tmp_path.iterdir()) == []
    expected = np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)
    pixels[...] = expected
    pixels.flush()
    np.testing.assert_array_equal(pixels, expected)


def test_streaming_takes_no_room(tmp_path: Path) -> None:
    assert allocate_pixels((10**9, 4096, 4096, 3), Cache.STREAM, folder=tmp_path) is None


@pytest.mark.parametrize(
    ("cache", "message"),
    [
        (Cache.MEMORY, "there is no memory for .* GB of decoded images; use --cache disk or stream"),
        (Cache.DISK, "cannot keep .* GB of decoded images in .*; give another --cache-dir"),
    ],
)
def test_too_little_room_is_found_out_at_once(tmp_path: Path, cache: Cache, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        allocate_pixels((10**9, 4096, 4096, 3), cache, folder=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_free_room_on_disk_is_a_number_of_bytes(tmp_path: Path) -> None:
    assert free_disk_bytes(tmp_path) > 0
