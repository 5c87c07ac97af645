"""Scaling of pixels: the conventions of frameworks, and the two forms of one rule."""

import numpy as np
import pytest

from edgecls.errors import ExportError
from edgecls.export.pixel_scaling import PRESETS, RAW_PIXELS, ChannelOrder, PixelScaling

EVERY_PIXEL = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)


@pytest.mark.parametrize("scaling", [preset.scaling for preset in PRESETS.values()], ids=PRESETS)
def test_one_multiplication_and_addition_give_what_the_steps_give(scaling: PixelScaling) -> None:
    factor, offset = scaling.factor_and_offset()

    np.testing.assert_allclose(EVERY_PIXEL.astype(np.float32) * factor + offset, scaling.apply(EVERY_PIXEL), atol=2e-5)


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [
        ("torchvision", (-2.1179, -2.0357, -1.8044), (2.2489, 2.4286, 2.64)),
        ("tensorflow", (-1, -1, -1), (1, 1, 1)),
        ("caffe", (-103.939, -116.779, -123.68), (151.061, 138.221, 131.32)),
        ("none", (0, 0, 0), (255, 255, 255)),
    ],
)
def test_black_and_white_become_what_each_framework_says(
    name: str, black: tuple[float, ...], white: tuple[float, ...]
) -> None:
    scaled = PRESETS[name].scaling.apply(EVERY_PIXEL)

    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0], black, atol=1e-4)
    np.testing.assert_allclose(scaled[255], white, atol=1e-4)


def test_the_same_for_all_channels_is_one_number() -> None:
    assert [len(numbers) for numbers in PRESETS["tensorflow"].scaling.factor_and_offset()] == [1, 1]
    assert [len(numbers) for numbers in PRESETS["caffe"].scaling.factor_and_offset()] == [1, 3]
    assert RAW_PIXELS.factor_and_offset() == (1, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"high": float("nan")}, "finite"),
        ({"mean": (float("inf"),)}, "finite"),
        ({"high": 0.0}, "the pixel range 0 0 is empty"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be above 0, got 1, 0, 1"),
    ],
)
def test_a_scaling_that_is_none_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ExportError, match=message):
        PixelScaling(**changes)  # type: ignore[arg-type]


def test_numbers_for_other_channels_are_refused() -> None:
    with pytest.raises(ExportError, match="2 numbers of std do not fit 3 channel"):
        PixelScaling(std=(1.0, 2.0)).check_channels(ChannelOrder.BGR)
    PixelScaling(std=(1.0, 2.0, 3.0)).check_channels(ChannelOrder.RGB)
    PixelScaling(std=(2.0,)).check_channels(ChannelOrder.GRAY)
