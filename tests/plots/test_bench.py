"""The plot of a benchmark: what it shows, read back from its pixels."""

import warnings

import cv2
import numpy as np
import pytest

from edgecls.measuring.turns import Estimate
from edgecls.plots.bench import RATE, SettingBars, StageBar, bench_png
from edgecls.plots.figure import COLORS


def _bar(*stages_ms: float, noisy: bool = False) -> StageBar:
    whole = sum(stages_ms)
    return StageBar(stages_ms, Estimate(whole, 0.9 * whole, 1.1 * whole), 1.3 * whole, 2 * whole, noisy)


def _row(model: str, *, noisy: bool = False) -> SettingBars:
    back_to_back, paced = _bar(1, 0, 4, noisy=noisy), _bar(2, 0, 5)
    return SettingBars(model, "cpu, 1 at a time", Estimate(200, 190, 210), back_to_back, paced)


def _pixels(rows: list[SettingBars]) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = bench_png(rows, pace_s=0.1)
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[:, :, ::-1]


def _count(pixels: np.ndarray, color: str) -> int:
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    return int((np.abs(pixels.astype(int) - rgb).max(axis=2) <= 2).sum())


def test_rates_and_stages_are_there() -> None:
    pixels = _pixels([_row("花 flowers")])

    assert all(_count(pixels, color) > 2000 for color in (RATE, COLORS[6], COLORS[0]))


def test_what_is_too_noisy_is_pale() -> None:
    sure, noisy = (_count(_pixels([_row("flowers", noisy=noisy)]), RATE) for noisy in (False, True))

    assert sure > 2000
    assert noisy == 0


@pytest.mark.parametrize("count", [1, 12, 40])
def test_the_plot_grows_with_the_settings(count: int) -> None:
    rows = [_row(f"model {index // 6}") for index in range(count)]

    height, width, _ = _pixels(rows).shape

    assert width == 1950
    assert 60 * count < height < 60 * count + 1000


def test_a_setting_that_was_not_paced_and_one_of_microseconds_are_drawn() -> None:
    row = SettingBars("m", "cpu, 2 at once", Estimate(1e5, 9e4, 1.1e5), _bar(0.001, 0.0, 0.004), None)

    assert _pixels([row]).std() > 0
