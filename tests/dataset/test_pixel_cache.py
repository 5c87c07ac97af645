"""The pixel cache: pixels as predictions see them, listed failures, a fingerprint; in memory, on disk and streamed."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import CachedImages, StreamedPixels, allocate_pixels, cache_images, choose_cache
from edgecls.errors import DatasetError, ImageReadError
from edgecls.image_spec import Color, Fit, ImageSpec

SPEC = ImageSpec(16, 20, Color.RGB, Fit.CROP)


def _cache(root: Path, spec: ImageSpec = SPEC) -> CachedImages:
    return cache_images(read_class_folders(root), spec, workers=3)


@pytest.mark.parametrize("spec", [SPEC, ImageSpec(9, 9, Color.GRAY, Fit.PAD)], ids=str)
def test_pixels_are_those_that_a_prediction_sees(tmp_path: Path, spec: ImageSpec) -> None:
    cached = _cache(write_class_folders(tmp_path, per_label=4), spec)

    assert cached.pixels.shape == (12, *spec.shape_hwc)
    assert cached.label_ids.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for name, pixels in zip(cached.names, cached.pixels, strict=True):
        np.testing.assert_array_equal(pixels, image.decode_to_fit(image.read_file(name), spec))


def test_a_damaged_image_is_left_out_and_listed(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=3)
    damaged = root / sorted(COLORS)[1] / "照片 01.png"
    damaged.write_bytes(damaged.read_bytes()[:100])

    cached = _cache(root)

    assert list(cached.counts.values()) == [3, 2, 3]
    assert len(cached.pixels) == len(cached.names) == 8
    assert [str(damaged) in str(fault) for fault in cached.failures] == [True]


def test_a_label_without_a_usable_image_is_refused(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=1)
    (root / sorted(COLORS)[0] / "照片 00.png").write_text("no image")

    with pytest.raises(DatasetError, match=f"no image of label '{sorted(COLORS)[0]}' can be used; the first fault"):
        _cache(root)


def test_progress_counts_every_image(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = read_class_folders(write_class_folders(tmp_path, per_label=2))

    cache_images(found, SPEC, workers=2, on_progress=lambda done, total: seen.append((done, total)))

    assert seen == [(done, 6) for done in range(1, 7)]


def test_the_fingerprint_is_of_content_and_labels_alone(tmp_path: Path) -> None:
    first = write_class_folders(tmp_path / "first", per_label=2)
    renamed = write_class_folders(tmp_path / "renamed", per_label=2)
    image = renamed / sorted(COLORS)[0] / "照片 00.png"
    image.rename(image.with_name("zzz.png"))
    moved = write_class_folders(tmp_path / "moved", per_label=2)
    (moved / sorted(COLORS)[0] / "照片 00.png").rename(moved / sorted(COLORS)[1] / "照片 99.png")

    assert _cache(renamed).sha256 == _cache(first).sha256
    assert _cache(moved).sha256 != _cache(first).sha256


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


def _cached_in(root: Path, cache: Cache) -> CachedImages:
    return cache_images(read_class_folders(root), SPEC, workers=2, cache=cache, folder=root.parent)


def test_streaming_gives_the_pixels_of_the_cache_though_an_image_is_damaged(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "data", per_label=3)
    (root / sorted(COLORS)[0] / "照片 01.png").write_bytes(b"no image")
    kept, mapped, streamed = (_cached_in(root, cache) for cache in (Cache.MEMORY, Cache.DISK, Cache.STREAM))

    assert isinstance(streamed.pixels, StreamedPixels)
    assert kept.sha256 == mapped.sha256 == streamed.sha256
    assert kept.names == mapped.names == streamed.names
    assert kept.positions.tolist() == streamed.positions.tolist() == [0, 2, 3, 4, 5, 6, 7, 8]
    assert streamed.pixels.shape == kept.pixels.shape == (8, *SPEC.shape_hwc)
    assert len(streamed.failures) == 1
    order = [7, 0, 3, 3]
    np.testing.assert_array_equal(streamed.pixels[order], kept.pixels[order])
    np.testing.assert_array_equal(mapped.pixels[order], kept.pixels[order])
    np.testing.assert_array_equal(streamed.pixels[5], kept.pixels[5])


def test_an_image_that_is_gone_is_named(tmp_path: Path) -> None:
    pixels = _cached_in(write_class_folders(tmp_path / "data", per_label=1), Cache.STREAM).pixels
    gone = tmp_path / "data" / sorted(COLORS)[1] / "照片 00.png"
    gone.unlink()

    with pytest.raises(ImageReadError, match=r"照片 00\.png"):
        pixels[[0, 1]]
