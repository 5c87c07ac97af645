"""Folding a temperature: the same answers, less or more sure."""

import keras
import numpy as np
import pytest

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import build_model, fold_temperature

SPEC = ImageSpec(16, 20, Color.RGB, Fit.CROP)
IMAGES = np.random.default_rng(0).integers(0, 256, (3, *SPEC.shape_hwc), dtype=np.uint8)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_model("simple_cnn", num_classes=4, spec=SPEC)


def _answers(network: keras.Model) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(network(IMAGES, training=False)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.75])
def test_the_probabilities_are_the_softmax_of_divided_logits(network: keras.Model, temperature: float) -> None:
    logits = keras.Model(network.input, network.get_layer("head_logits").output)

    folded = fold_temperature(network, temperature)

    expected = keras.ops.softmax(_answers(logits) / temperature)
    np.testing.assert_allclose(_answers(folded), expected, atol=1e-6)
    assert (folded.name, folded.input_shape) == (network.name, network.input_shape)
    assert [layer.name for layer in folded.layers] == [layer.name for layer in network.layers]


def test_the_network_itself_stays_as_it_was(network: keras.Model) -> None:
    before = _answers(network)

    fold_temperature(network, 3.0)

    np.testing.assert_array_equal(_answers(network), before)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_what_is_no_temperature_is_refused(network: keras.Model, temperature: float) -> None:
    with pytest.raises(ModelConfigError, match="a temperature must be above 0"):
        fold_temperature(network, temperature)


def test_a_network_with_another_end_is_refused() -> None:
    images = keras.Input((4, 4, 3), name="image")
    odd = keras.Model(images, keras.layers.Flatten()(images), name="odd")

    with pytest.raises(ModelConfigError, match="'odd': it has no linear dense layer 'head_logits'"):
        fold_temperature(odd, 2.0)
