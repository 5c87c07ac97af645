"""The figure of a dataset."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgecls.plots.dataset_overview import dataset_overview
from edgecls.plots.figure import COLORS

MEAN, STD = (0.9, 0.5, 0.1), (0.1, 0.2, 0.3)


def _draw(counts: dict[str, dict[str, int]], sizes_wh: list[tuple[int, int]]) -> npt.NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(dataset_overview(counts, sizes_wh, MEAN, STD), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.uint8)


def _area(pixels: npt.NDArray[np.uint8], color: str) -> int:
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    left_half = pixels[:, : pixels.shape[1] // 2]
    return int((np.abs(left_half.astype(int) - rgb).max(axis=2) <= 1).sum())


def test_bars_are_as_long_as_the_counts_of_their_part() -> None:
    pixels = _draw({"train": {"红": 30, "b": 10}, "val": {"红": 10, "b": 10}}, [(40, 30)] * 60)

    # Both colours also have a patch in the legend.
    assert _area(pixels, COLORS[0]) / _area(pixels, COLORS[1]) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(
    ("labels", "sizes"),
    [
        (["红玫瑰", "猫🦄", "a_{$x$}^2"], [(1, 1)]),
        ([f"标签 {number}" for number in range(200)], [(640, 480), (480, 640)]),
        (["long " * 30, "b"], [(30_000, 3)] * 5),
    ],
    ids=["any-script", "many-labels", "long-label"],
)
def test_any_dataset_can_be_drawn(labels: list[str], sizes: list[tuple[int, int]]) -> None:
    pixels = _draw({"train": {label: index + 1 for index, label in enumerate(labels)}}, sizes)

    assert pixels.shape[1] == 1500
    assert pixels.shape[0] < 2000
    assert _area(pixels, COLORS[0]) > 1000


def test_a_gap_is_where_labels_are_left_out() -> None:
    def rows(labels: int) -> npt.NDArray[np.bool_]:
        pixels = _draw({"train": {f"label {number:03d}": 500 - number for number in range(labels)}}, [(40, 30)])
        blue = np.abs(pixels[:, 380:420].astype(int) - [0x2F, 0x6F, 0xB0]).max(axis=2) <= 1
        return np.flatnonzero(blue.all(axis=1))

    def widest_gap(labels: int) -> float:
        gaps = np.diff(rows(labels))
        return float(gaps.max() / np.median(gaps[gaps > 1]))

    assert widest_gap(40) < 2
    assert widest_gap(41) > 3
    assert widest_gap(200) > 3
