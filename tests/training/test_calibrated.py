"""Calibrating on the images held out."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.pixel_cache import CachedImages
from edgecls.evaluation.calibration import negative_log_likelihood
from edgecls.image_spec import ImageSpec
from edgecls.models import HEAD_PREFIX, build_model, fold_temperature
from edgecls.training.config import TrainConfig
from edgecls.training.document import MIN_IMAGES, calibrated
from edgecls.training.images import PreparedImages

SPEC = ImageSpec(16, 16)
CONFIG = TrainConfig(SPEC, arch="simple_cnn", batch_size=16, unknown_threshold="auto")
HELD_OUT = 80


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network that is far too sure of itself."""
    keras.utils.set_random_seed(0)
    network = build_model("simple_cnn", num_classes=3, spec=SPEC)
    head = network.get_layer(HEAD_PREFIX + "logits")
    head.set_weights([weights * 40 for weights in head.get_weights()])
    return network


def _images(held_out: int) -> PreparedImages:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (HELD_OUT, *SPEC.shape_hwc), np.uint8)
    label_ids = rng.integers(0, 3, HELD_OUT).astype(np.int32)
    cached = CachedImages(("a", "b", "c"), pixels, label_ids, ("",) * HELD_OUT, np.arange(HELD_OUT), (), "0" * 64)
    return PreparedImages(cached, [0], list(range(held_out)), Cache.MEMORY)


def test_the_exported_network_is_less_sure_and_more_likely_right(network: keras.Model) -> None:
    images = _images(HELD_OUT)
    before = network.predict(images.cached.pixels, verbose=0)

    model = calibrated(network, CONFIG, images)

    after = model.network.predict(images.cached.pixels, verbose=0)
    assert model.calibration is not None
    assert model.temperature > 2
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert negative_log_likelihood(after, images.cached.label_ids) == pytest.approx(
        model.calibration.loss_after, abs=1e-3
    )
    assert model.calibration.loss_after < model.calibration.loss_before
    assert model.unknown_threshold is not None
    assert 0 < model.unknown_threshold < 1
    np.testing.assert_array_equal(network.predict(images.cached.pixels, verbose=0), before)


def test_a_temperature_that_improves_nothing_is_not_kept(network: keras.Model) -> None:
    images = _images(HELD_OUT)
    rng = np.random.default_rng(2)
    levels = rng.integers(0, 256, (HELD_OUT, 1, 1, 3)) * np.ones((1, *SPEC.shape_hwc))
    pixels = levels.astype(np.uint8)
    logits = np.log(network.predict(pixels, verbose=0).clip(1e-30))
    calm = fold_temperature(network, float(np.ptp(logits, axis=1).mean()) / 3)
    odds = calm.predict(pixels, verbose=0).astype(float)
    # Labels that are as likely as the network says: there is nothing to mend.
    label_ids = np.array([rng.choice(3, p=row / row.sum()) for row in odds], np.int32)
    images = replace(images, cached=replace(images.cached, pixels=pixels, label_ids=label_ids))

    model = calibrated(calm, CONFIG, images)

    assert model.network is calm
    assert (model.calibration, model.temperature) == (None, 1)
    assert model.rejected is not None
    assert not model.rejected.improves
    assert model.unknown_threshold is not None


def test_few_images_say_too_little(network: keras.Model) -> None:
    model = calibrated(network, CONFIG, _images(MIN_IMAGES - 1))

    assert model.network is network
    assert (model.calibration, model.temperature, model.unknown_threshold) == (None, 1, None)


@pytest.mark.parametrize(("setting", "threshold"), [("none", None), (0.4, 0.4)])
def test_a_threshold_can_be_stated_and_calibration_left_out(
    network: keras.Model, setting: str | float, threshold: float | None
) -> None:
    config = replace(CONFIG, calibrate=False, unknown_threshold=setting)

    model = calibrated(network, config, _images(HELD_OUT))

    assert model.network is network
    assert model.unknown_threshold == threshold
