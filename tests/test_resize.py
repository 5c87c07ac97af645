"""Resizing: exact geometry, no aliasing, as good as a known antialiased resize."""

import numpy as np
import pytest
from encoded_images import encodings
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgecls.resize import resize


@settings(max_examples=60, deadline=None)
@given(
    source=st.integers(20, 400),
    target=st.integers(8, 120),
    value=st.integers(0, 255),
)
def test_a_flat_image_stays_flat(source: int, target: int, value: int) -> None:
    resized = resize(np.full((source, source, 3), value, np.uint8), target, target)

    assert resized.shape == (target, target, 3)
    assert (resized == value).all()


@settings(max_examples=100, deadline=None)
@given(source=st.integers(30, 900), target=st.integers(10, 120))
def test_a_ramp_keeps_its_place(source: int, target: int) -> None:
    """The value at every target pixel's centre is that of the same place in the source, odd sides included."""
    ramp = np.broadcast_to(np.linspace(0, 255, source)[np.newaxis, :, np.newaxis], (8, source, 1))
    ramp = np.ascontiguousarray(ramp.round().astype(np.uint8))

    resized = resize(ramp, 8, target)[4, :, 0].astype(float)

    centres = (np.arange(target) + 0.5) * source / target - 0.5
    expected = np.clip(centres / (source - 1), 0, 1) * 255
    inner = slice(2, -2)  # at the edge, the filter sees repeated pixels
    tolerance = 2.5 + 0.15 * 255 / target  # halves round up in every halving; and a part of a target pixel
    assert np.abs(resized[inner] - expected[inner]).max() <= tolerance


@pytest.mark.parametrize("period", [2, 3])
@pytest.mark.parametrize("factor", [2.3, 3.7, 6.1, 9.0])
def test_stripes_finer_than_the_target_become_gray(period: int, factor: float) -> None:
    """Bilinear resizing alone turns such stripes into others that are not there."""
    source, target = round(80 * factor), 80
    stripes = np.where(np.arange(source) % period == 0, 255, 0).astype(np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(stripes[np.newaxis, :, np.newaxis], (source, source, 3)))

    resized = resize(pixels, target, target)[4:-4, 4:-4]

    # A perfect filter would leave a spread of 0; plain bilinear leaves 74 to 86.
    assert resized.std() < 40
    assert abs(resized.mean() - stripes.mean()) < 3


@pytest.mark.parametrize("target", [64, 100, 128, 150, 224])
def test_it_is_as_close_to_an_antialiased_resize_as_area_averaging(target: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (94, 125, 3), dtype=np.uint8)
    photo_like = np.asarray(Image.fromarray(noise).resize((500, 375), Image.Resampling.BICUBIC))
    reference = np.asarray(Image.fromarray(photo_like).resize((target, target), Image.Resampling.BILINEAR))

    resized = resize(photo_like, target, target)

    assert np.abs(resized.astype(int) - reference).mean() < 4


@pytest.mark.parametrize("channels", [1, 3])
def test_enlarging_is_bilinear(channels: int) -> None:
    pixels = encodings()["png-rgb"].expected[:, :, :channels]

    resized = resize(pixels, 90, 130)

    columns = [
        np.asarray(Image.fromarray(pixels[:, :, channel]).resize((130, 90), Image.Resampling.BILINEAR))
        for channel in range(channels)
    ]
    np.testing.assert_allclose(resized.astype(int), np.dstack(columns).astype(int), atol=2)


@pytest.mark.parametrize("target", [40, 100, 130], ids=["far-smaller", "smaller", "larger"])
def test_a_part_of_a_pixel_beyond_the_true_size_is_cut_off(target: int) -> None:
    """A JPEG of 801 columns, decoded at an eighth, has 101 of them, of which the last shows an eighth."""
    ramp = np.broadcast_to(np.arange(101, dtype=np.uint8)[np.newaxis, :, np.newaxis], (101, 101, 1))

    resized = resize(np.ascontiguousarray(ramp), target, target, extent_hw=(100.125, 100.125))

    centres = (np.arange(target) + 0.5) * 100.125 / target - 0.5
    np.testing.assert_allclose(resized[target // 2, 1:-1, 0], centres[1:-1], atol=1.5)
