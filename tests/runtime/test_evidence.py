"""Occlusion: what is covered, what it costs, what a drop is."""

import numpy as np
import pytest
from tiny_model import TINY_SPEC, tiny_answer

from edgecls.image_spec import Fit, ImageSpec
from edgecls.runtime.evidence import log_odds_drops


class _Counting:
    """The tiny network, which keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[np.ndarray] = []

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(batch.copy())
        return tiny_answer(batch).astype(np.float32)


def test_the_number_of_runs_is_bounded_and_every_run_covers_another_part() -> None:
    spec = ImageSpec(64, 96, fit=Fit.STRETCH)
    image = np.random.default_rng(0).integers(0, 256, spec.shape_hwc, np.uint8)
    network = _Counting()

    drops = log_odds_drops(network, image, spec.place(64, 96), label=0)

    images = np.concatenate(network.batches)
    assert drops.shape == (10, 10)
    assert drops.dtype == np.float32
    assert len(images) == 101
    assert max(map(len, network.batches)) == 10
    covered = (images != image).any(axis=3)
    assert len({one.tobytes() for one in covered}) == 101
    assert covered.any(axis=0).all()
    mean = np.round(image.mean(axis=(0, 1))).astype(np.uint8)
    assert all((one[where] == mean).all() for one, where in zip(images, covered, strict=True))


def test_the_drop_is_one_of_log_odds() -> None:
    image = np.zeros(TINY_SPEC.shape_hwc, np.uint8)
    image[2, 5] = (255, 0, 0)
    before, after = (tiny_answer(batch[np.newaxis])[0].astype(np.float32) for batch in (image, image * 0))

    drops = log_odds_drops(_Counting(), image, TINY_SPEC.place(8, 8), label=0)

    # The mean of so few pixels is (4, 0, 0), which the patch of 3 x 3 brings in for what it takes away.
    def logit(row: np.ndarray) -> float:
        return float(np.log(row[0] / (row[1] + row[2])))

    assert logit(before) > logit(after)
    assert np.unravel_index(drops.argmax(), drops.shape) in {(y, x) for y in (1, 2, 3) for x in (4, 5, 6)}
    covered = image.copy()
    covered[1:4, 4:7] = (4, 0, 0)
    expected = logit(before) - logit(tiny_answer(covered[np.newaxis])[0].astype(np.float32))
    assert drops[2, 5] == pytest.approx(expected, abs=1e-5)


def test_black_around_the_image_is_not_covered() -> None:
    spec = ImageSpec(40, 40, fit=Fit.PAD)
    placed = spec.place(20, 40)
    image = np.zeros(spec.shape_hwc, np.uint8)
    image[placed.inner] = np.random.default_rng(0).integers(100, 256, (20, 40, 3), np.uint8)
    network = _Counting()

    log_odds_drops(network, image, placed, label=1)

    outside = np.ones((40, 40), bool)
    outside[placed.inner] = False
    assert not np.concatenate(network.batches)[:, outside].any()


def test_probabilities_of_nought_and_one_give_numbers() -> None:
    def certain(batch: np.ndarray) -> np.ndarray:
        return np.tile(np.array([[1, 0, 0]], np.float32), (len(batch), 1))

    for label in (0, 1):
        drops = log_odds_drops(certain, np.zeros(TINY_SPEC.shape_hwc, np.uint8), TINY_SPEC.place(8, 8), label=label)
        assert not drops.any()
