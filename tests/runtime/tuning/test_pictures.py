"""The pictures to measure with."""

from pathlib import Path

import numpy as np
import pytest

from edgecls import image
from edgecls.errors import ImageDecodeError, ImageReadError
from edgecls.runtime.tuning.timed_images import MOST_PICTURES, camera_like_jpegs, read_pictures


def test_pictures_made_on_the_spot_are_as_heavy_as_photos_and_always_the_same() -> None:
    pictures = camera_like_jpegs(3)

    assert pictures == camera_like_jpegs(3)
    assert len(set(pictures)) == 3
    assert {image.decode(data).shape for data in pictures} == {(375, 500, 3)}
    assert all(50_000 < len(data) < 150_000 for data in pictures)


def test_a_few_pictures_are_spread_over_all(tmp_path: Path) -> None:
    for index in range(3 * MOST_PICTURES):
        (tmp_path / f"{index:04d}.png").write_bytes(image.encode_png(np.full((2, 2, 3), index, np.uint8)))

    pictures, faults = read_pictures([str(tmp_path)])

    assert [int(image.decode(data)[0, 0, 0]) for data in pictures] == list(range(0, 3 * MOST_PICTURES, 3))
    assert faults == []


def test_few_pictures_are_each_taken_once(pictures: Path) -> None:
    found, _ = read_pictures([str(pictures)])

    assert found == [path.read_bytes() for path in sorted(pictures.iterdir())]


def test_what_cannot_be_decoded_is_left_out(pictures: Path) -> None:
    (pictures / "notes.jpg").write_text("these are notes")

    found, faults = read_pictures([str(pictures)])

    assert len(found) == 3
    assert ["notes.jpg" in str(fault) for fault in faults] == [True]


def test_pictures_that_are_all_bad_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("these are notes")

    with pytest.raises(ImageDecodeError, match=r"notes\.jpg"):
        read_pictures([str(tmp_path)])


def test_a_name_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="no such file"):
        read_pictures([str(tmp_path / "gone")])
