"""The images to measure with."""

from pathlib import Path

import numpy as np
import pytest

from edgecls import image
from edgecls.errors import ImageDecodeError, ImageReadError
from edgecls.runtime.tuning.timed_images import MOST_IMAGES, camera_like_jpegs, read_images


def test_images_made_on_the_spot_are_as_heavy_as_photos_and_always_the_same() -> None:
    images = camera_like_jpegs(3)

    assert images == camera_like_jpegs(3)
    assert len(set(images)) == 3
    assert {image.decode(data).shape for data in images} == {(375, 500, 3)}
    assert all(50_000 < len(data) < 150_000 for data in images)


def test_a_few_images_are_spread_over_all(tmp_path: Path) -> None:
    for index in range(3 * MOST_IMAGES):
        (tmp_path / f"{index:04d}.png").write_bytes(image.encode_png(np.full((2, 2, 3), index, np.uint8)))

    images, faults = read_images([str(tmp_path)])

    assert [int(image.decode(data)[0, 0, 0]) for data in images] == list(range(0, 3 * MOST_IMAGES, 3))
    assert faults == []


def test_few_images_are_each_taken_once(images: Path) -> None:
    found, _ = read_images([str(images)])

    assert found == [path.read_bytes() for path in sorted(images.iterdir())]


def test_what_cannot_be_decoded_is_left_out(images: Path) -> None:
    (images / "notes.jpg").write_text("these are notes")

    found, faults = read_images([str(images)])

    assert len(found) == 3
    assert ["notes.jpg" in str(fault) for fault in faults] == [True]


def test_images_that_are_all_bad_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("these are notes")

    with pytest.raises(ImageDecodeError, match=r"notes\.jpg"):
        read_images([str(tmp_path)])


def test_a_name_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="no such file"):
        read_images([str(tmp_path / "gone")])
