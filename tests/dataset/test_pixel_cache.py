"""The pixel cache: the pipeline's pixels, failures listed, a fingerprint of the content."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import CachedImages, cache_images
from edgecls.errors import DatasetError
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
