"""The affine warp: exact where it can be, about the middle, nearest at the edges."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from edgecls.dataset.augmentation.warp import MAX_SIDE, Warp, WarpLimits, apply_warp, draw_warp
from edgecls.errors import DatasetError, ImageTooLargeError
from edgecls.image import Pixels


def _noise(height: int = 21, width: int = 31, channels: int = 3) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (height, width, channels), dtype=np.uint8)


def _dot(x: int, y: int) -> Pixels:
    pixels = np.zeros((101, 101, 1), np.uint8)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    return pixels


def _where(pixels: Pixels) -> tuple[float, float]:
    y, x = np.mgrid[0:101, 0:101]
    weights = pixels[:, :, 0].astype(float)
    return float((x * weights).sum() / weights.sum()), float((y * weights).sum() / weights.sum())


@pytest.mark.parametrize("channels", [1, 3])
def test_doing_nothing_changes_nothing(channels: int) -> None:
    pixels = _noise(channels=channels)

    np.testing.assert_array_equal(apply_warp(pixels, Warp()), pixels)


def test_a_flip_is_exact() -> None:
    np.testing.assert_array_equal(apply_warp(_noise(), Warp(flip=True)), _noise()[:, ::-1])


def test_half_a_turn_is_exact() -> None:
    np.testing.assert_array_equal(apply_warp(_noise(), Warp(rotation_deg=180)), _noise()[::-1, ::-1])


@pytest.mark.parametrize(
    ("warp", "expected"),
    [
        (Warp(rotation_deg=90), (50, 20)),  # from the right of the middle to above it: counterclockwise
        (Warp(shift_x=0.1, shift_y=-0.2), (90.1, 29.8)),
        (Warp(zoom=0.5), (65, 50)),
        (Warp(flip=True), (20, 50)),
        (Warp(shear_deg=30), (80, 50)),  # the row through the middle stays
        (Warp(flip=True, rotation_deg=90), (50, 80)),  # mirrored first
    ],
    ids=str,
)
def test_a_dot_goes_where_it_should(warp: Warp, expected: tuple[float, float]) -> None:
    assert _where(apply_warp(_dot(80, 50), warp)) == pytest.approx(expected, abs=0.3)


def test_shear_leans_to_the_left() -> None:
    x, y = _where(apply_warp(_dot(50, 20), Warp(shear_deg=45)))

    assert (x, y) == pytest.approx((20, 20), abs=0.3)


def test_what_comes_into_view_is_the_nearest_edge() -> None:
    pixels = _noise(40, 40)

    warped = apply_warp(pixels, Warp(shift_x=0.5))

    np.testing.assert_array_equal(warped[:, 20:], pixels[:, :20])
    np.testing.assert_array_equal(warped[:, :20], np.repeat(pixels[:, :1], 20, axis=1))


def test_the_image_given_is_left_as_it_is() -> None:
    pixels = _noise()
    apply_warp(pixels, Warp(rotation_deg=40, flip=True, zoom=1.2))

    np.testing.assert_array_equal(pixels, _noise())


def test_drawn_amounts_fill_their_limits_and_stay_within() -> None:
    limits = WarpLimits(rotation_deg=30, shift=0.2, shear_deg=5, zoom=0.3)
    rng = np.random.default_rng(0)
    drawn = np.array([astuple(draw_warp(limits, rng)) for _ in range(500)])

    highest = np.array([30, 0.2, 0.2, 5, 1.3, 1])
    lowest = np.array([-30, -0.2, -0.2, -5, 0.7, 0])
    assert (drawn <= highest).all()
    assert (drawn >= lowest).all()
    np.testing.assert_allclose(drawn.max(axis=0), highest, rtol=0.05)
    np.testing.assert_allclose(drawn.min(axis=0), lowest, rtol=0.05)
    assert 0.4 < drawn[:, 5].mean() < 0.6


def test_a_limit_changes_only_its_own_amount() -> None:
    full = draw_warp(WarpLimits(), np.random.default_rng(3))
    flat = draw_warp(WarpLimits(rotation_deg=0, flip=False), np.random.default_rng(3))

    assert flat == replace(full, rotation_deg=0, flip=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotation_deg", 181), ("rotation_deg", -1), ("shift", 1), ("shear_deg", 61), ("zoom", 1), ("zoom", float("nan"))],
)
def test_limits_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(DatasetError, match=f"{name} must be between 0 and"):
        WarpLimits(**{name: value})


def test_an_image_too_long_to_warp_is_refused() -> None:
    with pytest.raises(ImageTooLargeError, match="no side may be longer"):
        apply_warp(np.zeros((1, MAX_SIDE + 1, 1), np.uint8), Warp())
