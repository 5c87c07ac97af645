"""What is drawn over and under an image: heat, and the bar with its label."""

import numpy as np
import pytest

from edgecls.drawing import font as builtin_font
from edgecls.drawing.overlays import FIGURE, LABEL, METER, TRACK, UNSURE_METER, lay_over, with_label_bar

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


IMAGE = np.random.default_rng(0).integers(0, 256, (300, 480, 3), np.uint8)


def _bar(label: str, probability: float = 0.5, *, is_known: bool = True, image: np.ndarray = IMAGE) -> np.ndarray:
    drawn = with_label_bar(image, label, probability, is_known=is_known)
    height = len(image)
    np.testing.assert_array_equal(drawn[:height], image)
    assert drawn.dtype == np.uint8
    return drawn[height:]


def _ink(bar: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Return the columns in which a colour stands in its full strength."""
    return np.nonzero((bar == color).all(axis=2).any(axis=0))[0]


@pytest.mark.parametrize("label", ["roses", "红玫瑰", "שושנה", "牵牛花 (Ipomœa)"])
def test_label_and_figure_stand_beside_each_other(label: str) -> None:
    bar = _bar(label, 0.981)

    label_columns, figure_columns = _ink(bar, LABEL), _ink(bar, FIGURE)
    assert label_columns.min() < 30
    assert figure_columns.max() > 480 - 30
    assert figure_columns.min() - label_columns.max() > 15


def test_the_line_is_as_long_as_the_probability() -> None:
    bar = _bar("roses", 0.75)

    assert (bar[0, :360] == METER).all()
    assert (bar[0, 360:] == TRACK).all()


def test_an_unknown_answer_is_grey() -> None:
    bar = _bar("unknown (roses?)", 0.4, is_known=False)

    assert (bar[0, :192] == UNSURE_METER).all()
    assert not len(_ink(bar, LABEL))


def test_a_long_label_gets_smaller_and_is_then_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, float]] = []
    original = builtin_font.draw_mask

    def recorded(text: str, *, size_px: float, bold: bool = False) -> tuple[np.ndarray, int]:
        drawn.append((text, size_px))
        return original(text, size_px=size_px, bold=bold)

    monkeypatch.setattr(builtin_font, "draw_mask", recorded)
    for label in ("short", "a label of some forty characters, no more", "长" * 400):
        bar = _bar(label)
        assert _ink(bar, FIGURE).min() - _ink(bar, LABEL).max() > 5

    (short, size), _, (medium, smaller), (_, figure_size), (cut, smallest), _ = drawn
    assert short == "short"
    assert size > smaller > smallest
    assert figure_size == smaller
    assert medium == "a label of some forty characters, no more"
    assert cut.startswith("长长长")
    assert cut.endswith("…")
    assert len(cut) < 60


@pytest.mark.parametrize("shape", [(480, 20, 3), (1, 480, 3), (480, 1, 3), (1280, 900, 3)])
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_images_of_any_shape_get_a_bar(shape: tuple[int, int, int], probability: float) -> None:
    bar = _bar("roses and tulips", probability, image=np.zeros(shape, np.uint8))

    assert bar.shape[1] == shape[1]
    assert len(bar) >= 1


def test_the_text_grows_with_the_image() -> None:
    small, large = (_bar("roses", image=np.zeros((height, 1280, 3), np.uint8)) for height in (200, 1280))
    medium = _bar("roses", image=np.zeros((400, 640, 3), np.uint8))

    assert len(small) == len(large) > 1.5 * len(medium)
