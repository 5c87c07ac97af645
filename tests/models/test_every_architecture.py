"""What holds for every architecture: shapes, declared facts, one step of training, weights, colours, export."""

import sys
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_model import tiny_card

import edgecls
from edgecls.errors import ModelConfigError
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.modelfile import ACTIVATION_NAME
from edgecls.models import HEAD_PREFIX, architecture_names, build_model, get_architecture
from edgecls.models.architecture import features_model
from edgecls.models.keras_applications import APPLICATIONS, Application
from edgecls.runtime.optional_outputs import without_outputs

from .conftest import LABELS, SAMPLE, SPEC, Fitted, noise

GRAY = ImageSpec(SPEC.height, SPEC.width, Color.GRAY, SPEC.fit)

every_architecture = pytest.mark.parametrize("name", SAMPLE)


@cache
def _features(name: str) -> keras.Model:
    return features_model(get_architecture(name), SPEC)


@every_architecture
def test_raw_pixels_become_probabilities_at_the_smallest_size(name: str) -> None:
    smallest = get_architecture(name).min_side
    spec = ImageSpec(smallest, smallest + 13, Color.GRAY, Fit.CROP)

    model = build_model(name, num_classes=3, spec=spec)

    assert [(tensor.name, tensor.dtype) for tensor in model.inputs] == [("image", "uint8")]
    assert model.layers[-1].name == "probabilities"
    probabilities = keras.ops.convert_to_numpy(model(noise(spec, 2)))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@every_architecture
def test_an_image_below_the_smallest_size_is_refused(name: str) -> None:
    smallest = get_architecture(name).min_side

    with pytest.raises(ModelConfigError, match=f"at least {smallest}x{smallest} pixels, got {smallest}x{smallest - 1}"):
        build_model(name, num_classes=3, spec=ImageSpec(smallest - 1, smallest))


@every_architecture
def test_the_declared_facts_are_those_of_the_network(name: str) -> None:
    declared = get_architecture(name)

    features = _features(name)

    assert features.count_params() == declared.parameters
    assert (features.output.dtype, len(features.output.shape)) == ("float32", 4)
    assert declared.name == name
    assert declared.min_side <= declared.default_side
    norms = [layer for layer in features.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all(norm.momentum == 0.9 for norm in norms)


def test_names_are_unique_and_the_same_every_time_and_only_the_classification_depends_on_the_labels(
    fitted: Fitted,
) -> None:
    first, second = fitted.model, build_model(fitted.architecture.name, num_classes=9, spec=SPEC)

    names = [operation.name for operation in first.operations]
    assert names == [operation.name for operation in second.operations]
    assert len(set(names)) == len(names)
    paths = [weight.path for weight in first.weights]
    assert paths == [weight.path for weight in second.weights]
    assert len(set(paths)) == len(paths)
    changed = [a.path for a, b in zip(first.weights, second.weights, strict=True) if a.shape != b.shape]
    assert changed == [HEAD_PREFIX + "logits/kernel", HEAD_PREFIX + "logits/bias"]


def test_one_step_trains_it_from_end_to_end(fitted: Fitted) -> None:
    kernels = [weight.path for weight in fitted.model.trainable_weights if "kernel" in weight.path]

    assert np.isfinite(fitted.loss)
    assert kernels[-1] == HEAD_PREFIX + "logits/kernel"
    assert set(kernels) <= fitted.moved


def test_it_answers_in_onnxruntime_as_in_keras(fitted: Fitted, tmp_path: Path) -> None:
    model, images = fitted.model, noise(SPEC, 7)[2:]  # a batch size unlike at export
    golden = golden_from(model, {"a": images[0], "b": images[1]})

    export = export_float32(model, tiny_card(labels=LABELS, image=SPEC, architecture=model.name, golden=golden))
    (tmp_path / "m.onnx").write_bytes(export.onnx)

    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    answers = keras.ops.convert_to_numpy(model(images, training=False))
    assert answers.std(axis=0).max() > 1e-3  # an answer that depends on nothing would agree with everything
    # Sums run in another order in onnxruntime; seen: 3e-6 at most.
    np.testing.assert_allclose(classifier.probabilities(images), answers, rtol=0, atol=2e-5)
    assert all(result.passed for result in classifier.verify())
    assert export.parity.difference < 2e-5
    head = fitted.architecture.head
    assert (without_outputs(export.onnx, ACTIVATION_NAME) is not export.onnx) == (
        head.name == "average" and not head.hidden_units
    )


def test_weights_are_taken_whatever_the_labels_the_head_and_the_size(fitted: Fitted) -> None:
    smaller = ImageSpec(40, 32)

    model = build_model(
        fitted.architecture.name, num_classes=5, spec=smaller, weights=str(fitted.weights_path), head="max"
    )

    assert fitted.architecture.head.name != "max"
    given = {weight.path: weight for weight in fitted.model.weights if not weight.path.startswith(HEAD_PREFIX)}
    taken = {weight.path: weight for weight in model.weights if not weight.path.startswith(HEAD_PREFIX)}
    assert list(given) == list(taken)
    for path, weight in given.items():
        np.testing.assert_array_equal(weight, taken[path], err_msg=path)


def test_a_gray_network_with_colour_weights_answers_like_the_colour_network_on_gray_images(fitted: Fitted) -> None:
    gray = build_model(fitted.architecture.name, num_classes=len(LABELS), spec=GRAY, weights=str(fitted.weights_path))
    for layer in gray.layers:
        if layer.name.startswith(HEAD_PREFIX):
            layer.set_weights(fitted.model.get_layer(layer.name).get_weights())

    images = noise(GRAY, 4)
    answers = keras.ops.convert_to_numpy(gray(images))
    assert answers.std(axis=0).max() > 1e-3
    expected = fitted.model(np.repeat(images, 3, axis=3), training=False)
    np.testing.assert_allclose(answers, keras.ops.convert_to_numpy(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in SAMPLE if get_architecture(name).published])
def test_weights_that_keras_publishes_fit(name: str) -> None:
    """The published network is built with random weights here: what is compared is where each one goes."""
    architecture = get_architecture(name)
    assert architecture.published is not None

    published = architecture.published(None)

    own = _features(name)
    assert [(w.path, w.shape) for w in published.weights] == [(w.path, w.shape) for w in own.weights]


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v2", "mobilenet_v3_small", "vgg16"])
def test_keras_asks_for_the_file_that_is_looked_for_in_its_cache(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = get_architecture(name)
    assert architecture.published is not None

    def asked(file: str, *_: object, **__: object) -> None:
        raise LookupError(file)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", asked)

    with pytest.raises(LookupError, match=f"^{architecture.published_file}$"):
        architecture.published("imagenet")


def test_every_classification_network_of_keras_is_in_the_table() -> None:
    there = {name for name in dir(keras.applications) if name[0].isupper()}

    assert {row.constructor for row in APPLICATIONS} == there
    assert {row.name for row in APPLICATIONS} <= set(architecture_names())
    assert all(row.min_side <= row.default_side for row in APPLICATIONS)


@pytest.mark.parametrize("row", APPLICATIONS, ids=lambda row: row.name)
def test_pixels_are_scaled_as_the_published_weights_want_them(row: Application) -> None:
    images = noise(SPEC, 2)
    published = getattr(keras.applications, row.constructor)
    preprocess = getattr(sys.modules[published.__module__], "preprocess_input")  # noqa: B009  # no types

    scaled = row.scaling(keras.ops.convert_to_tensor(images))

    expected = preprocess(images.astype(np.float32))
    if row.options or row.first_layer:  # such a network scales pixels itself, in its first layers
        expected = _scaled_by_the_network(row, expected)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(scaled), expected, rtol=0, atol=2e-5)


def _scaled_by_the_network(row: Application, images: np.ndarray) -> np.ndarray:
    smallest = next(one for one in APPLICATIONS if one.source == row.source and one.scaling is row.scaling)
    network = getattr(keras.applications, smallest.constructor)(
        input_shape=SPEC.shape_hwc, include_top=False, weights=None
    )
    last = max(index for index, layer in enumerate(network.layers[:8]) if _scales(layer))
    if row.first_layer:  # its statistics come with the weights: the published ones, for pixels from 0 to 1
        return (images / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return keras.ops.convert_to_numpy(keras.Model(network.input, network.layers[last].output)(images))


def _scales(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) or "prestem" in layer.name
