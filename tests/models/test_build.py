"""Building a network by name: weights files of all kinds, and what is refused."""

import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import build_model


def _spec(height: int, width: int, color: Color = Color.RGB) -> ImageSpec:
    return ImageSpec(height, width, color, Fit.CROP)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_of_the_same_architecture_are_taken_but_for_the_head(suffix: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    donor = build_model("simple_cnn", num_classes=7, spec=_spec(64, 64))
    path = tmp_path / f"donor{suffix}"
    donor.save(path) if suffix == ".keras" else donor.save_weights(path)
    keras.utils.set_random_seed(2)

    model = build_model("simple_cnn", num_classes=3, spec=_spec(48, 80), weights=str(path))

    assert [w.path for w in model.weights[-4:]] == [
        "head_dense/kernel",
        "head_dense/bias",
        "head_logits/kernel",
        "head_logits/bias",
    ]
    for given, own in zip(donor.weights[:-4], model.weights[:-4], strict=True):
        np.testing.assert_array_equal(given, own)
    assert not np.array_equal(donor.weights[-4], model.weights[-4])


def test_a_keras_file_with_one_wrong_byte_in_its_weights_is_refused(tmp_path: Path) -> None:
    """Of some, the HDF5 library would not come to an end."""
    path = tmp_path / "donor.keras"
    build_model("simple_cnn", num_classes=3, spec=_spec(32, 32)).save(path)
    with zipfile.ZipFile(path) as archive:
        weights = archive.read("model.weights.h5")
    content = bytearray(path.read_bytes())
    content[content.index(weights) + len(weights) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(ModelConfigError, match=r"donor\.keras': model\.weights\.h5 in it is damaged; get a fresh copy"):
        build_model("simple_cnn", num_classes=3, spec=_spec(32, 32), weights=str(path))


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


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise Exception("URL fetch failure: no route to host")  # the very type that Keras raises

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)

    with pytest.raises(ModelConfigError, match=r"cannot get the ImageNet weights .*no route to host; connect"):
        build_model("mobilenet_v2", num_classes=3, spec=_spec(64, 64), weights="imagenet")
