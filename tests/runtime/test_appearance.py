"""What images look like: brightness, contrast, sharpness, side ratio."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecls import Classifier, image
from edgecls.runtime.appearance import appearance_of

NOISE = np.random.default_rng(0).integers(60, 200, (224, 224, 3), np.uint8)


def test_each_number_follows_what_it_is_named_after() -> None:
    plain = appearance_of(NOISE, (300, 400))

    assert plain.brightness == pytest.approx(NOISE[:, :, 1].mean(), abs=1)
    assert plain.contrast == pytest.approx(NOISE[:, :, 1].std(), abs=1)
    assert plain.side_ratio == pytest.approx(4 / 3)
    assert appearance_of(NOISE // 2, None).brightness < 0.6 * plain.brightness
    assert appearance_of((NOISE // 2 + 60).astype(np.uint8), None).contrast < 0.6 * plain.contrast
    assert (
        appearance_of(np.asarray(cv2.GaussianBlur(NOISE, (0, 0), 3), np.uint8), None).sharpness < 0.8 * plain.sharpness
    )
    assert appearance_of(NOISE, None).side_ratio is None


def test_grey_small_and_plain_images_have_an_appearance() -> None:
    assert appearance_of(np.full((8, 8, 1), 77, np.uint8), (1, 1)) == (77, 0, 0, 1)
    assert appearance_of(np.zeros((1, 5, 3), np.uint8), (1, 5)).side_ratio == 5


def test_predictions_have_it_if_it_is_measured(tiny_classifier: Classifier, tmp_path: Path) -> None:
    pixels = np.full((6, 12, 3), (250, 50, 20), np.uint8)
    (tmp_path / "a.png").write_bytes(image.encode_png(pixels))
    assert tiny_classifier.predict(pixels).appearance is None

    tiny_classifier.measures_appearance = True
    try:
        for given in (pixels, tmp_path / "a.png"):
            look = tiny_classifier.predict(given).appearance
            assert look is not None
            assert look.side_ratio == 2
            assert look.brightness == pytest.approx(50, abs=1)
    finally:
        tiny_classifier.measures_appearance = False
