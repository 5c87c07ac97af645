"""The plots of evaluations: what they show, read back from their pixels."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edgecls.plots.confusion import (
    RIGHT_COLOR,
    WRONG_COLOR,
    confused_block_png,
    confusion_png,
    full_confusion_png,
    grouped_order,
)
from edgecls.plots.curves import LINE_COLORS, ReliabilityCurve, reliability_png, training_curve_png
from edgecls.plots.figure import COLORS, DPI, INK, MUTED
from edgecls.plots.tradeoff import ModelPoint, tradeoff_png

Pixels = npt.NDArray[np.uint8]


def _decode(png: bytes) -> Pixels:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return np.asarray(pixels[:, :, ::-1], np.uint8)


def _count(pixels: Pixels, color: str) -> int:
    """Return how many pixels have just that colour."""
    rgb = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
    return int((np.abs(pixels.astype(int) - rgb).max(axis=2) <= 2).sum())


def test_right_answers_and_mistakes_have_their_own_colours() -> None:
    faultless = _decode(confusion_png(np.diag([5, 9]), ["猫", "狗🐶"]))
    hopeless = _decode(confusion_png(np.array([[0, 5], [9, 0]]), ["猫", "狗🐶"]))

    assert _count(faultless, RIGHT_COLOR) > 10_000
    assert _count(faultless, WRONG_COLOR) == 0
    assert _count(hopeless, WRONG_COLOR) > 10_000
    assert _count(hopeless, RIGHT_COLOR) == 0


def test_a_matrix_of_labels_without_images_is_blank() -> None:
    blank = _decode(confusion_png(np.zeros((3, 3), np.int64), ["a", "b", "c"]))

    assert _count(blank, RIGHT_COLOR) == _count(blank, WRONG_COLOR) == 0


@pytest.mark.parametrize("count", [2, 25, 26, 120, 121, 400])
def test_a_matrix_of_any_size_stays_a_handy_image(count: int) -> None:
    pixels = _decode(
        confusion_png(np.eye(count, dtype=np.int64), [f"a label with a long name {i}" for i in range(count)])
    )

    assert 600 < pixels.shape[0] <= 1650
    assert _count(pixels, RIGHT_COLOR) > 500


@pytest.mark.parametrize("count", [5, 31, 53, 200])
def test_the_full_matrix_has_room_for_every_name(count: int) -> None:
    pixels = _decode(
        full_confusion_png(
            np.eye(count, dtype=np.int64), [f"限速 {i} and a label with a long name" for i in range(count)]
        )
    )

    assert pixels.shape[0] > count * 0.1 * DPI  # a name of 7 points is a tenth of an inch high
    assert _count(pixels, RIGHT_COLOR) > 500


def test_labels_that_are_confused_stand_together() -> None:
    confusion = np.diag([10] * 40)
    confusion[3, 37] = confusion[37, 3] = 5
    confusion[20, 37] = 3
    confusion[8, 30] = 1

    order = grouped_order(confusion)

    assert sorted(order) == list(range(40))
    assert {order[0], order[2]} == {3, 20}
    assert order[1] == 37  # between both that it is confused with
    assert order[3:5] == [8, 30]
    assert order[5:] == [index for index in range(40) if index not in order[:5]]


def test_the_most_confused_labels_are_shown_large_with_their_counts() -> None:
    confusion = np.diag([10] * 200)
    for index in range(0, 80, 2):
        confusion[index, index + 1] = 1 + index % 7
    names = [f"label {index}" for index in range(200)]

    block = confused_block_png(confusion, names)

    assert block is not None
    pixels = _decode(block)
    assert 600 < pixels.shape[0] <= 1650
    assert _count(pixels, INK) > 1000  # names and counts
    # Twenty rows of the hundred or so pixels that a cell has, in ten of which a cell is wrong.
    assert (pixels[..., 0].astype(int) - pixels[..., 2] > 30).sum() > 10 * 40**2  # orange
    assert confused_block_png(np.diag([3] * 40), names[:40]) is None


def test_a_row_of_the_block_is_as_deep_as_in_the_whole_matrix() -> None:
    confusion = np.zeros((40, 40), np.int64)
    confusion[0, 0], confusion[0, 1], confusion[1, 1] = 5, 5, 10
    alone = confused_block_png(confusion, [str(index) for index in range(40)])
    confusion[0, 2:20] = 1  # more images of label 0
    with_others = confused_block_png(confusion, [str(index) for index in range(40)])

    assert alone is not None
    assert with_others is not None
    assert alone != with_others


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_a_training_curve_has_both_lines(epochs: int) -> None:
    numbers = list(range(1, epochs + 1))
    lines = {"training": [1 / n for n in numbers], "validation": [1.1 / n for n in numbers]}

    pixels = _decode(
        training_curve_png(numbers, lines, title="loss", stages={1: "head", 2: "all layers"}, best_epoch=epochs)
    )

    assert all(_count(pixels, color) > 50 for color in LINE_COLORS)


def test_the_best_epoch_is_marked() -> None:
    lines = {"training": [0.5, 0.4, 0.3], "validation": [0.5, 0.4, 0.35]}
    plain = training_curve_png([1, 2, 3], lines, title="loss", stages={1: "all layers"}, best_epoch=None)
    marked = training_curve_png([1, 2, 3], lines, title="loss", stages={1: "all layers"}, best_epoch=2)

    assert _count(_decode(marked), LINE_COLORS[-1]) > _count(_decode(plain), LINE_COLORS[-1]) + 50


def test_the_reliability_of_the_last_curve_stands_out() -> None:
    before = ReliabilityCurve("before", [0.6, 0.9], [0.4, 0.7], [10, 90])
    after = ReliabilityCurve("after", [0.5, 0.7], [0.45, 0.72], [20, 80])

    both = _decode(reliability_png([before, after]))
    alone = _decode(reliability_png([after]))

    assert _count(both, COLORS[0]) > _count(both, COLORS[1]) > 50
    assert _count(alone, COLORS[1]) == 0


def test_the_area_of_a_mark_is_the_size_of_the_model() -> None:
    small = ModelPoint("小模型", 1.0, 0.7, (0.65, 0.75), 1_000_000)
    large = ModelPoint("large", 10.0, 0.9, (0.87, 0.93), 4_000_000)

    def mark(points: list[ModelPoint], place: int) -> int:
        pixels = _decode(tradeoff_png(points)).astype(int)
        faded = [0.85 * int(COLORS[place][start : start + 2], 16) + 0.15 * 255 for start in (1, 3, 5)]
        return int((np.abs(pixels - faded).max(axis=2) <= 4).sum())

    assert mark([small, large], 1) == pytest.approx(4 * mark([small, large], 0), rel=0.25)


def test_no_line_goes_through_a_name() -> None:
    """A name is where the line between the models is not: the line is whole."""
    points = [
        ModelPoint("fast", 1.0, 0.70, (0.69, 0.71), 1_000_000),
        ModelPoint("a model with a rather long name", 5.0, 0.80, (0.79, 0.81), 1_000_000),
        ModelPoint("slow", 20.0, 0.81, (0.80, 0.82), 1_000_000),
    ]
    names = ["fast", "a", "slow"]

    named = _decode(tradeoff_png(points)).astype(int)
    short = [replace(point, name=name) for point, name in zip(points, names, strict=True)]
    plain = _decode(tradeoff_png(short)).astype(int)

    line = [int(MUTED[start : start + 2], 16) for start in (1, 3, 5)]
    on_line = np.abs(plain - line).max(axis=2) <= 2
    on_line[:, :140] = on_line[-100:] = False  # the axes
    assert on_line.sum() > 500
    assert (np.abs(named[on_line] - line).max(axis=1) <= 40).mean() > 0.98


def test_models_that_lie_on_each_other_can_be_drawn() -> None:
    same = [ModelPoint(f"model {index}", 5.0, 0.9, (0.88, 0.92), 1_000_000) for index in range(6)]

    assert _decode(tradeoff_png(same)).shape[2] == 3
