"""Every architecture: its inputs and outputs, its declared facts, its weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import HEAD_PREFIX, architecture_names, build_model, get_architecture

every_architecture = pytest.mark.parametrize("name", architecture_names())


def _spec(height: int, width: int, color: Color = Color.RGB) -> ImageSpec:
    return ImageSpec(height, width, color, Fit.CROP)


def _noise(spec: ImageSpec, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *spec.shape_hwc), dtype=np.uint8)


@every_architecture
@pytest.mark.parametrize("color", list(Color))
@pytest.mark.parametrize("larger", [(0, 0), (7, 20)], ids=["smallest", "odd-and-not-square"])
def test_raw_pixels_become_probabilities(name: str, color: Color, larger: tuple[int, int]) -> None:
    smallest = get_architecture(name).min_side
    spec = _spec(smallest + larger[0], smallest + larger[1], color)

    model = build_model(name, num_classes=3, spec=spec)

    assert [(tensor.name, tensor.dtype) for tensor in model.inputs] == [("image", "uint8")]
    assert model.layers[-1].name == "probabilities"
    probabilities = keras.ops.convert_to_numpy(model(_noise(spec)))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@every_architecture
def test_a_picture_below_the_smallest_size_is_refused(name: str) -> None:
    smallest = get_architecture(name).min_side

    with pytest.raises(ModelConfigError, match=f"at least {smallest}x{smallest} pixels, got {smallest}x{smallest - 1}"):
        build_model(name, num_classes=3, spec=_spec(smallest - 1, smallest))


@every_architecture
def test_only_the_classification_depends_on_the_labels(name: str) -> None:
    spec = _spec(64, 64)
    few = {w.path: w.shape for w in build_model(name, num_classes=2, spec=spec).weights}
    many = {w.path: w.shape for w in build_model(name, num_classes=9, spec=spec).weights}

    changed = {path.rpartition("/")[0] for path in few if few[path] != many[path]}
    assert changed == {HEAD_PREFIX + "logits"}


@every_architecture
@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_of_the_same_architecture_are_taken_but_for_the_labels(name: str, suffix: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    donor = build_model(name, num_classes=7, spec=_spec(64, 64))
    path = tmp_path / f"donor{suffix}"
    donor.save(path) if suffix == ".keras" else donor.save_weights(path)
    keras.utils.set_random_seed(2)

    model = build_model(name, num_classes=3, spec=_spec(48, 80), weights=str(path))

    for given, own in zip(donor.weights[:-2], model.weights[:-2], strict=True):
        np.testing.assert_array_equal(given, own)


@every_architecture
def test_a_gray_network_with_colour_weights_answers_like_the_colour_network_on_gray_pictures(
    name: str, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    colour = build_model(name, num_classes=3, spec=_spec(64, 64))
    colour.save_weights(tmp_path / "colour.weights.h5")

    gray = build_model(name, num_classes=3, spec=_spec(64, 64, Color.GRAY), weights=str(tmp_path / "colour.weights.h5"))
    gray.layers[-2].set_weights(colour.layers[-2].get_weights())

    pictures = _noise(_spec(64, 64, Color.GRAY))
    np.testing.assert_allclose(
        gray.predict(pictures, verbose=0), colour.predict(np.repeat(pictures, 3, axis=3), verbose=0), atol=1e-5
    )


def test_weights_of_the_keras_application_are_taken(tmp_path: Path) -> None:
    """The kind of file that Keras publishes: the whole ImageNet network, with its thousand classes."""
    keras.utils.set_random_seed(1)
    published = keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3), classes=1000)
    published.save_weights(tmp_path / "imagenet.weights.h5")

    model = build_model(
        "mobilenet_v2", num_classes=3, spec=_spec(32, 32), weights=str(tmp_path / "imagenet.weights.h5")
    )

    for given, own in zip(published.get_weights()[:-2], model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(given, own)


@pytest.mark.parametrize("color", list(Color))
def test_weights_of_another_architecture_are_refused(tmp_path: Path, color: Color) -> None:
    build_model("simple_cnn", num_classes=3, spec=_spec(32, 32)).save_weights(tmp_path / "other.weights.h5")

    with pytest.raises(ModelConfigError, match=r"other\.weights\.h5' does not fit mobilenet_v2"):
        build_model(
            "mobilenet_v2", num_classes=3, spec=_spec(32, 32, color), weights=str(tmp_path / "other.weights.h5")
        )


@pytest.mark.parametrize("name", ["gone.weights.h5", "."])
def test_a_missing_weights_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelConfigError, match="there is no weights file"):
        build_model("simple_cnn", num_classes=3, spec=_spec(32, 32), weights=str(tmp_path / name))


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.weights.h5").write_text("no weights")

    with pytest.raises(ModelConfigError, match="does not fit simple_cnn"):
        build_model("simple_cnn", num_classes=3, spec=_spec(32, 32), weights=str(tmp_path / "text.weights.h5"))


def test_imagenet_weights_are_refused_where_there_are_none() -> None:
    with pytest.raises(ModelConfigError, match="no ImageNet weights for simple_cnn"):
        build_model("simple_cnn", num_classes=3, spec=_spec(32, 32), weights="imagenet")


def test_a_classifier_has_at_least_two_labels() -> None:
    with pytest.raises(ModelConfigError, match="at least 2 labels, got 1"):
        build_model("simple_cnn", num_classes=1, spec=_spec(32, 32))


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise Exception("URL fetch failure: no route to host")  # the very type that Keras raises

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)

    with pytest.raises(ModelConfigError, match=r"cannot get the ImageNet weights .*no route to host; connect"):
        build_model("mobilenet_v2", num_classes=3, spec=_spec(64, 64), weights="imagenet")
