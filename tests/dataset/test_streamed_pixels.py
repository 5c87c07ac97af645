"""Images that are decoded when they are asked for."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import COLORS, write_class_folders

from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import Cache, CachedImages, StreamedPixels, cache_images
from edgecls.errors import ImageReadError
from edgecls.image_spec import ImageSpec

SPEC = ImageSpec(12, 10)


def _cached(root: Path, cache: Cache) -> CachedImages:
    return cache_images(read_class_folders(root), SPEC, workers=2, cache=cache, folder=root.parent)


def test_it_gives_the_pixels_of_the_cache_though_a_image_is_damaged(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "data", per_label=3)
    (root / sorted(COLORS)[0] / "照片 01.png").write_bytes(b"no image")
    kept, mapped, streamed = (_cached(root, cache) for cache in (Cache.MEMORY, Cache.DISK, Cache.STREAM))

    assert isinstance(streamed.pixels, StreamedPixels)
    assert kept.sha256 == mapped.sha256 == streamed.sha256
    assert kept.names == mapped.names == streamed.names
    assert kept.positions.tolist() == streamed.positions.tolist() == [0, 2, 3, 4, 5, 6, 7, 8]
    assert streamed.pixels.shape == kept.pixels.shape == (8, 12, 10, 3)
    assert len(streamed.failures) == 1
    order = [7, 0, 3, 3]
    np.testing.assert_array_equal(streamed.pixels[order], kept.pixels[order])
    np.testing.assert_array_equal(mapped.pixels[order], kept.pixels[order])
    np.testing.assert_array_equal(streamed.pixels[5], kept.pixels[5])


def test_a_image_that_is_gone_is_named(tmp_path: Path) -> None:
    pixels = _cached(write_class_folders(tmp_path / "data", per_label=1), Cache.STREAM).pixels
    gone = tmp_path / "data" / sorted(COLORS)[1] / "照片 00.png"
    gone.unlink()

    with pytest.raises(ImageReadError, match=r"照片 00\.png"):
        pixels[[0, 1]]
