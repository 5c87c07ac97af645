"""The first layers: grey as colour, and scaling of each colour, also after export."""

import keras
import numpy as np
import pytest
from tiny_model import tiny_card

from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models.heads import Head, attach_head
from edgecls.models.scaling import as_rgb, scale_alike, scale_each_color

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)


def test_all_pixels_become_minus_one_to_one() -> None:
    ends = keras.ops.convert_to_numpy(scale_alike(np.array([[[[0], [255]]]], np.uint8)))

    np.testing.assert_array_equal(ends.ravel(), [-1, 1])


def test_each_colour_has_its_mean_and_deviation() -> None:
    scaled = scale_each_color(IMAGES, mean=(10, 20, 30), deviation=(1, 2, 4))

    np.testing.assert_allclose(scaled, (IMAGES.astype(float) - [10, 20, 30]) / [1, 2, 4], rtol=1e-5, atol=1e-5)


def test_gray_becomes_three_equal_colours_and_colour_stays() -> None:
    gray = IMAGES[..., :1]

    np.testing.assert_array_equal(as_rgb(gray), np.repeat(gray, 3, axis=3))
    assert as_rgb(IMAGES) is IMAGES


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_does_not_round_the_pixels(precision: str) -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        scaled = scale_each_color(IMAGES, mean=(103.939, 116.779, 123.68))
    finally:
        keras.config.set_dtype_policy(policy)

    np.testing.assert_allclose(scaled, IMAGES - np.array([103.939, 116.779, 123.68]), atol=1e-4)


@pytest.mark.parametrize("color", list(Color))
def test_it_is_the_same_in_onnxruntime(color: Color) -> None:
    spec = ImageSpec(4, 5, color, Fit.CROP)
    pixels = keras.Input(spec.shape_hwc, dtype="uint8", name="image")
    blue_first = keras.ops.take(as_rgb(pixels), (2, 1, 0), axis=-1)
    scaled = scale_each_color(blue_first, mean=(100, 110, 120), deviation=(50, 60, 70))
    model = attach_head(keras.Model(pixels, scaled), Head("flatten", 0), num_classes=3, name="net")
    images = IMAGES if color is Color.RGB else IMAGES[..., :1]

    export = export_float32(model, tiny_card(image=spec, golden=golden_from(model, {"a": images[0]})))

    assert export.parity.difference < 1e-6
