"""Pixels as a Keras network had them in training: stated, recognised, and checked on labelled images."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from image_folders import COLORS, write_class_folders

import edgecls
from edgecls.cli import main
from edgecls.export.from_keras.known_networks import recognise

SIDE = 32
LABELS = tuple(COLORS)
applications = keras.applications


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("images"), per_label=4)


def _export(source: Path, *options: object) -> Result:
    (source.parent / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    arguments = ["export", source, "-o", source.parent / "m.onnx", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _color_network() -> keras.Model:
    """Tells red, green and blue apart, for pixels in BGR from 0 to 255 minus the mean, as `caffe` has them."""
    network = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ],
        name="colors",
    )
    network.layers[-1].set_weights([np.float32([[0, 0, 0.1], [0, 0.1, 0], [0.1, 0, 0]]), np.float32([0, 0, 0])])
    return network


def _batch() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(9).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def _by_keras(mode: str) -> npt.NDArray[np.float32]:
    return np.asarray(applications.imagenet_utils.preprocess_input(_batch().astype(np.float32), mode=mode))


CONVENTIONS: dict[str, tuple[list[object], Callable[[], npt.NDArray[np.float32]]]] = {
    "caffe": (["--preset", "caffe"], lambda: _by_keras("caffe")),
    "torch": (["--preset", "torchvision"], lambda: _by_keras("torch")),
    "tf": (["--preset", "tensorflow"], lambda: _by_keras("tf")),
    "none": (["--preset", "none"], lambda: _batch().astype(np.float32)),
    "caffe-by-numbers": (
        ["--pixel-range", 0, 255, "--mean", "103.939,116.779,123.68", "--channel-order", "bgr"],
        lambda: _by_keras("caffe"),
    ),
    "torch-by-numbers": (
        ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--color", "rgb"],
        lambda: _by_keras("torch"),
    ),
    "bgr-alone": (
        ["--pixel-range", 0, 1, "--channel-order", "bgr"],
        lambda: _batch().astype(np.float32)[..., ::-1] / 255,
    ),
}


@pytest.mark.parametrize(("options", "prepare"), CONVENTIONS.values(), ids=CONVENTIONS)
def test_the_file_prepares_pixels_like_preprocess_input_of_keras(
    tmp_path: Path, images: Path, options: list[object], prepare: Callable[[], npt.NDArray[np.float32]]
) -> None:
    network = _color_network()
    network.save(tmp_path / "m.keras")

    done = _export(tmp_path / "m.keras", "--samples", images, *options)

    assert done.exit_code == 0, done.output
    expected = network.predict(prepare(), verbose=0)
    np.testing.assert_allclose(edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_batch()), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "caffe", "--mean", "0.5"], "--preset excludes --pixel-range"),
        (["--preset", "caffe", "--channel-order", "rgb"], "--preset caffe is for bgr"),
        (["--min-accuracy", "0.5"], "--min-accuracy needs labelled images"),
    ],
)
def test_options_that_contradict_each_other_are_a_wrong_command_line(
    tmp_path: Path, options: list[object], message: str
) -> None:
    done = _export(tmp_path / "m.keras", *options)

    assert done.exit_code == 2
    assert message in done.stderr


def test_pixels_of_a_network_that_takes_bytes_are_not_scaled(tmp_path: Path, images: Path) -> None:
    pixels = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    keras.Model(pixels, _color_network()(keras.layers.Rescaling(1.0)(pixels))).save(tmp_path / "m.keras")

    refused = _export(tmp_path / "m.keras", "--samples", images, "--preset", "tensorflow")
    done = _export(tmp_path / "m.keras", "--samples", images)

    assert (refused.exit_code, "takes pixels as they are (uint8)" in refused.stderr) == (1, True)
    assert done.exit_code == 0, done.output


# --check


def test_a_check_reports_the_accuracy_before_the_file_is_written(tmp_path: Path, images: Path) -> None:
    _color_network().save(tmp_path / "m.keras")

    done = _export(
        *(tmp_path / "m.keras", "--samples", images, "--preset", "caffe"),
        *("--check", images, "--min-accuracy", 0.9),
    )

    assert done.exit_code == 0, done.output
    assert re.search(r"check: accuracy 1\.0000 \(95 % interval .*\) on 12 labelled images", done.stdout)
    assert (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("bound", [[], ["--min-accuracy", 0.9]], ids=["better-than-guessing", "stated"])
def test_pixels_prepared_otherwise_than_in_training_do_not_pass_a_check(
    tmp_path: Path, images: Path, bound: list[object]
) -> None:
    _color_network().save(tmp_path / "m.keras")
    (tmp_path / "m.onnx").write_bytes(b"older")

    done = _export(
        *(tmp_path / "m.keras", "--samples", images, "--pixel-range", 0, 255, "--check", images),
        *bound,
    )

    assert done.exit_code == 1
    assert re.search(r"accuracy 0\.3333 .*so no file was written.*--preset", done.stderr)
    assert (tmp_path / "m.onnx").read_bytes() == b"older"


def test_a_check_says_with_which_pixels_the_network_is_far_better(tmp_path: Path) -> None:
    images = write_class_folders(tmp_path / "images", per_label=12)
    for index in range(2):  # so that the wrong pixels are better than always predicting one label
        for source, target in ((LABELS[0], LABELS[2]), (LABELS[2], LABELS[0])):
            (images / source / f"照片 {index:02d}.png").rename(images / target / f"照片 9{index}.png")
    _color_network().save(tmp_path / "m.keras")
    options = (tmp_path / "m.keras", "--samples", images, "--check", images, "--pixel-range", 0, 255)

    refused = _export(*options)
    written = _export(*options, "--min-accuracy", 0.1)
    right = _export(*options, "--channel-order", "bgr")

    assert refused.exit_code == 1
    assert re.search(r"with --preset caffe it is 0\.8889, on 36 of them", refused.stderr)
    assert "pixels were prepared otherwise in training is far likelier, so no file was written" in refused.stderr
    assert written.exit_code == 0, written.output
    assert re.search(r"warning: as it is, accuracy is 0\.\d+; with --preset caffe", written.stderr)
    assert right.exit_code == 0, right.output
    assert "warning" not in right.stderr


def test_a_bound_of_nothing_lets_anything_pass_a_check(tmp_path: Path, images: Path) -> None:
    _color_network().save(tmp_path / "m.keras")

    done = _export(
        *(tmp_path / "m.keras", "--samples", images, "--pixel-range", 0, 255, "--check", images),
        *("--min-accuracy", 0),
    )

    assert done.exit_code == 0, done.output
    assert "check: accuracy 0.3333" in done.stdout


def test_a_check_leaves_out_labels_that_the_model_does_not_have_and_says_so(tmp_path: Path) -> None:
    images = write_class_folders(tmp_path / "images", per_label=3)
    (images / LABELS[2]).rename(images / "紫 plum")
    _color_network().save(tmp_path / "m.keras")

    done = _export(tmp_path / "m.keras", "--samples", images, "--preset", "caffe", "--check", images)

    assert done.exit_code == 0, done.output
    assert "3 image(s) left out, whose labels the model does not have: '紫 plum'" in done.stderr
    assert "on 6 labelled images" in done.stdout


def test_a_check_of_other_labels_altogether_is_refused(tmp_path: Path, images: Path) -> None:
    _color_network().save(tmp_path / "m.keras")
    other = tmp_path / "other.txt"
    other.write_text("a\nb\nc\n", encoding="utf-8")

    done = _export(
        *(tmp_path / "m.keras", "--samples", images, "--preset", "caffe", "--check", images),
        *("--labels", other),
    )

    assert done.exit_code == 1
    assert "knows none of the labels of the data" in done.stderr
    assert not (tmp_path / "m.onnx").exists()


# Networks that are recognised


def _application(name: str, side: int = SIDE, **options: Any) -> keras.Model:
    return getattr(applications, name)(weights=None, include_top=False, input_shape=(side, side, 3), **options)


def _nested(name: str, side: int = SIDE, **options: Any) -> keras.Model:
    return keras.Sequential([_application(name, side, **options), keras.layers.GlobalAveragePooling2D()], name="mine")


def _renamed(name: str, side: int = SIDE) -> keras.Model:
    """Built into the user's network, so that only its layers tell."""
    backbone = _application(name, side)
    return keras.Model(backbone.input, keras.layers.GlobalAveragePooling2D()(backbone.output), name="mine")


USUAL = {
    "VGG16": ("VGG", "caffe"),
    "ResNet50": ("ResNet", "caffe"),
    "ResNet50V2": ("ResNetV2", "tensorflow"),
    "MobileNet": ("MobileNet", "tensorflow"),
    "MobileNetV2": ("MobileNetV2", "tensorflow"),
    "DenseNet121": ("DenseNet", "torchvision"),
}


@pytest.mark.parametrize("make", [_nested, _renamed], ids=["nested", "built-in"])
@pytest.mark.parametrize(("name", "usual"), USUAL.items(), ids=USUAL)
def test_networks_of_keras_are_recognised(
    name: str, usual: tuple[str, str], make: Callable[[str], keras.Model], tmp_path: Path
) -> None:
    known = recognise(make(name), tmp_path / "m.keras")

    assert known is not None
    assert (known.what, known.preset) == (f"{usual[0]} of keras.applications", usual[1])


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV3Small", "EfficientNetV2B0"])
@pytest.mark.parametrize("make", [_nested, _renamed], ids=["nested", "built-in"])
def test_networks_that_scale_pixels_themselves_are_recognised(
    name: str, make: Callable[[str], keras.Model], tmp_path: Path
) -> None:
    known = recognise(make(name), tmp_path / "m.keras")

    assert known is not None
    assert known.preset == "none"
    assert "scales pixels itself (its layer 'rescaling" in known.what


def test_scaling_by_operations_is_recognised(tmp_path: Path) -> None:
    pixels = keras.Input((SIDE, SIDE, 3))
    network = keras.Model(pixels, _application("MobileNetV2")(applications.mobilenet_v2.preprocess_input(pixels)))

    known = recognise(network, tmp_path / "m.keras")

    assert known is not None
    assert known.preset == "none"


def test_a_saved_model_is_recognised_by_the_names_in_its_program(tmp_path: Path) -> None:
    network = _nested("MobileNetV2")
    network.export(tmp_path / "saved", verbose=False)

    known = recognise(network, tmp_path / "saved")

    assert known is not None
    assert (known.what, known.preset) == ("MobileNetV2 of keras.applications", "tensorflow")


def test_a_network_like_no_other_is_not_recognised(tmp_path: Path) -> None:
    assert recognise(_color_network(), tmp_path / "m.keras") is None


def test_what_is_usual_is_said_where_nothing_is_stated_and_where_something_else_is(
    tmp_path: Path, images: Path
) -> None:
    backbone = _application("MobileNetV2", alpha=0.35)
    pooled = keras.layers.GlobalAveragePooling2D()(backbone.output)
    keras.Model(backbone.input, keras.layers.Dense(3, "softmax")(pooled)).save(tmp_path / "m.keras")
    usual = (tmp_path / "m.keras", "--samples", images)

    nothing = _export(*usual)
    other = _export(*usual, "--pixel-range", 0, 1)
    same = _export(*usual, "--pixel-range", -1, 1)

    assert nothing.exit_code == 1
    assert "MobileNetV2 of keras.applications, for which --preset tensorflow is usual" in nothing.stderr
    assert other.exit_code == same.exit_code == 0
    assert re.search(r"warning: .*--preset tensorflow is usual, not pixels from 0 to 1.*--check DATA", other.stderr)
    assert "warning" not in same.stderr
