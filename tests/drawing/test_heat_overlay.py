"""Heat over an image: both are seen, and only where they should be."""

import numpy as np

from edgecls.drawing.overlays import lay_over

ALL = (slice(None), slice(None))


def _heat(height: int, width: int) -> np.ndarray:
    """Return heat that rises from left to right."""
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def test_hotter_is_lighter_on_any_ground() -> None:
    for ground in (0, 128, 200):
        drawn = lay_over(np.full((20, 400, 3), ground, np.uint8), _heat(20, 400), seen=ALL)

        light = drawn.astype(float) @ (0.299, 0.587, 0.114)
        assert light[10, -1] > light[10, 260] + 20
        assert light[10, -1] > ground


def test_without_heat_the_image_stays_but_for_its_colours() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    before = pixels.copy()

    drawn = lay_over(pixels, np.zeros((30, 40), np.float32), seen=ALL)

    np.testing.assert_array_equal(pixels, before)
    assert (drawn.shape, drawn.dtype) == (pixels.shape, np.uint8)
    luminance = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(drawn @ luminance, pixels @ luminance, atol=2)
    assert np.ptp(drawn, axis=2).mean() < 0.4 * np.ptp(pixels, axis=2).mean()


def test_a_line_of_light_and_dark_goes_round_the_hot_half() -> None:
    heat = np.zeros((100, 100), np.float32)
    heat[30:70, 30:70] = 0.6

    drawn = lay_over(np.full((100, 100, 3), 128, np.uint8), heat, seen=ALL)

    across = drawn[50, 20:40].astype(int).sum(axis=1)
    assert across.max() > 3 * 200
    assert across.min() < 3 * 60
    assert (drawn[50, :20] == 128).all()


def test_what_is_not_seen_is_darker() -> None:
    pixels = np.full((20, 30, 3), 200, np.uint8)

    drawn = lay_over(pixels, np.zeros((20, 30), np.float32), seen=(slice(0, 20), slice(10, 20)))

    assert (drawn[:, 10:20] == 200).all()
    assert (drawn[:, :10] == 80).all()
    assert (drawn[:, 20:] == 80).all()
