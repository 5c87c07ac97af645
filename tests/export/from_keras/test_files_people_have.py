"""Networks as tutorials and Teachable Machine leave them: their files alone have to do."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from image_folders import write_class_folders
from teachable_machine import SIDE, teachable_machine

import edgecls
from edgecls.cli import main
from edgecls.image_spec import Color, Fit, ImageSpec

LABELS = ("红 roses", "绿 grass", "蓝 sky")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("samples"), per_label=2)


def _export(source: Path, *options: object) -> Result:
    arguments = ["export", source, "-o", source.parent / "m.onnx", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _batch(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (3, *shape), dtype=np.uint8)


def _answers(path: Path, batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return edgecls.load(path.parent / "m.onnx", "cpu").probabilities(batch)


def _save(network: keras.Model, path: Path) -> None:
    network.save(path)


def _save_program(network: keras.Model, path: Path) -> None:
    network.export(path, verbose=False)


@pytest.mark.parametrize(
    ("name", "save"), [("keras_model.h5", _save), ("m.keras", _save), ("model.savedmodel", _save_program)]
)
def test_an_export_of_teachable_machine_needs_no_option(
    tmp_path: Path, name: str, save: Callable[[keras.Model, Path], None]
) -> None:
    network = teachable_machine()
    save(network, tmp_path / name)
    (tmp_path / "labels.txt").write_text("".join(f"{i} {label}\n" for i, label in enumerate(LABELS)), encoding="utf-8")

    done = _export(tmp_path / name)

    assert done.exit_code == 0, done.output
    assert "is an export of Teachable Machine: pixels from -1 to 1, fit crop" in done.stderr
    assert "'0 红 roses' is '红 roses'" in done.stderr
    assert "golden samples: made-up images" in done.stderr
    card = edgecls.load(tmp_path / "m.onnx", "cpu").card
    assert card.labels == LABELS
    assert card.image == ImageSpec(SIDE, SIDE, Color.RGB, Fit.CROP)
    assert "made-up" in str(card.training["golden_samples"])
    assert all("made-up" in sample.name for sample in card.golden.samples)
    batch = _batch(SIDE, SIDE, 3)
    by_hand = network.predict(batch.astype(np.float32) / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(_answers(tmp_path / name, batch), by_hand, atol=1e-5)
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "m.onnx")]).exit_code == 0


def test_what_is_stated_about_a_teachable_machine_export_counts(tmp_path: Path, samples: Path) -> None:
    network = teachable_machine()
    network.save(tmp_path / "keras_model.h5")
    (tmp_path / "labels.txt").write_text("0 a\n1 b\n2 c\n", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("x\ny\nz\n", encoding="utf-8")

    done = _export(
        *(tmp_path / "keras_model.h5", "--labels", tmp_path / "mine.txt", "--samples", samples),
        *("--fit", "pad", "--pixel-range", 0, 1),
    )

    assert done.exit_code == 0, done.output
    assert "--preset tensorflow is usual" in done.stderr
    card = edgecls.load(tmp_path / "m.onnx", "cpu").card
    assert (card.labels, card.image.fit) == (("x", "y", "z"), Fit.PAD)
    assert "golden_samples" not in card.training


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "saved"])
def test_labels_that_do_not_fit_the_outputs_are_named_with_their_file(tmp_path: Path, name: str, samples: Path) -> None:
    (_save_program if name == "saved" else _save)(teachable_machine(outputs=4), tmp_path / name)
    (tmp_path / "labels.txt").write_text("0 a\n1 b\n2 c\n", encoding="utf-8")

    done = _export(tmp_path / name, "--samples", samples)

    assert done.exit_code == 1
    assert re.search(r"has 4 outputs, but there are 3 labels in '.*labels\.txt'; .*--labels", done.stderr)


def _dense_network(shape: tuple[int | None, ...], *between: keras.layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(4)
    dense = keras.layers.Dense(3, activation="softmax", bias_initializer="random_normal")
    return keras.Sequential([keras.Input(shape), *between, dense], name="tutorial")


Prepare = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
FORMS: dict[str, tuple[Callable[[], keras.Model], list[object], ImageSpec, Prepare]] = {
    "no-channel-axis": (
        lambda: _dense_network((12, 16), keras.layers.Flatten()),
        [],
        ImageSpec(12, 16, Color.GRAY, Fit.STRETCH),
        lambda values: values[..., 0],
    ),
    "in-a-row": (
        lambda: _dense_network((192,)),
        ["--image-size", "12x16"],
        ImageSpec(12, 16, Color.GRAY, Fit.STRETCH),
        lambda values: values.reshape(-1, 192),
    ),
    "in-a-row-of-colour": (
        lambda: _dense_network((576,)),
        ["--image-size", "12x16"],
        ImageSpec(12, 16, Color.RGB, Fit.STRETCH),
        lambda values: values.reshape(-1, 576),
    ),
    "in-a-column": (
        lambda: _dense_network((144, 1), keras.layers.Conv1D(2, 3), keras.layers.Flatten()),
        ["--image-size", "12"],
        ImageSpec(12, 12, Color.GRAY, Fit.STRETCH),
        lambda values: values.reshape(-1, 144, 1),
    ),
    "channels-first": (
        lambda: _dense_network(
            (3, 12, 16),
            keras.layers.Conv2D(4, 3, data_format="channels_first"),
            keras.layers.GlobalAveragePooling2D(data_format="channels_first"),
        ),
        [],
        ImageSpec(12, 16, Color.RGB, Fit.STRETCH),
        lambda values: values.transpose(0, 3, 1, 2),
    ),
    "grey-channels-first": (
        lambda: _dense_network((1, 12, 16), keras.layers.Flatten()),
        [],
        ImageSpec(12, 16, Color.GRAY, Fit.STRETCH),
        lambda values: values.transpose(0, 3, 1, 2),
    ),
    "channels-first-by-word": (
        lambda: _dense_network((3, 12, 3), keras.layers.Flatten()),
        ["--layout", "nchw"],
        ImageSpec(12, 3, Color.RGB, Fit.STRETCH),
        lambda values: values.transpose(0, 3, 1, 2),
    ),
}


@pytest.mark.parametrize("name", ["m.h5", "saved"])
@pytest.mark.parametrize(("make", "options", "spec", "prepare"), FORMS.values(), ids=FORMS)
def test_every_form_of_input_is_an_ordinary_classifier(
    tmp_path: Path,
    samples: Path,
    name: str,
    make: Callable[[], keras.Model],
    options: list[object],
    spec: ImageSpec,
    prepare: Prepare,
) -> None:
    network = make()
    (_save_program if name == "saved" else _save)(network, tmp_path / name)
    (tmp_path / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")

    done = _export(tmp_path / name, "--samples", samples, "--pixel-range", 0, 1, *options)

    assert done.exit_code == 0, done.output
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.image == spec
    batch = _batch(*spec.shape_hwc)
    by_hand = network.predict(prepare(batch.astype(np.float32) / 255), verbose=0)
    np.testing.assert_allclose(_answers(tmp_path / name, batch), by_hand, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((784,), [], "takes 784 numbers in a row; give the size of the image that they are with --image-size 28"),
        ((3072,), [], "with --image-size 32"),
        ((190,), [], "with --image-size HEIGHTxWIDTH"),
        ((784,), ["--image-size", 32], "32 x 32 pixels has 1024 (grey) or 3072 (RGB); change --image-size"),
        ((28, 28), ["--image-size", 32], "takes images of 28 x 28 pixels (height x width), not 32 x 32"),
        ((28, 28), ["--channel-order", "rgb"], "takes 1 channel(s), rgb has 3"),
        ((28, 28, 4), [], "takes 4 channels (input shape (N, 28, 28, 4)); only grey (1) and RGB (3)"),
        ((4, 28, 28, 3), [], "must take one batch of images"),
    ],
)
def test_a_form_that_leaves_something_open_is_asked_about(
    tmp_path: Path, samples: Path, shape: tuple[int, ...], options: list[object], message: str
) -> None:
    _dense_network(shape, keras.layers.Flatten()).save(tmp_path / "m.keras")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")

    done = _export(tmp_path / "m.keras", "--samples", samples, "--pixel-range", 0, 1, *options)

    assert done.exit_code == 1
    assert message in done.stderr


def test_a_single_output_takes_the_two_labels_next_to_it(tmp_path: Path, samples: Path) -> None:
    network = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    network.save(tmp_path / "cats.h5")
    (tmp_path / "class_indices.json").write_text(json.dumps({"狗": 1, "猫": 0}), encoding="utf-8")

    done = _export(tmp_path / "cats.h5", "--samples", samples, "--pixel-range", 0, 1)

    assert done.exit_code == 0, done.output
    batch = _batch(8, 8, 1)
    second = network.predict(batch[..., 0].astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(
        _answers(tmp_path / "cats.h5", batch), np.concatenate([1 - second, second], axis=1), atol=1e-5
    )
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels == ("猫", "狗")


# What only Keras 2 reads


def _operation(class_name: str, name: str) -> dict[str, object]:
    config = {"name": name, "trainable": True, "dtype": "float32", "function": name.removeprefix("tf.")}
    return {"class_name": class_name, "config": config, "name": name, "inbound_nodes": []}


@pytest.mark.parametrize("class_name", ["TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"])
def test_operations_as_layers_of_keras_2_are_named_with_the_way_out(tmp_path: Path, class_name: str) -> None:
    _dense_network((28, 28), keras.layers.Flatten()).save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"].insert(1, _operation(class_name, "tf.math.truediv"))
        file.attrs["model_config"] = json.dumps(config)

    done = _export(tmp_path / "old.h5")

    assert done.exit_code == 1
    assert "operations of TensorFlow as layers (tf.math.truediv)" in done.stderr
    assert "tf_keras.models.load_model('old.h5', compile=False).save('old', save_format='tf')" in done.stderr
    assert "edgecls export old" in done.stderr


def test_a_keras_file_of_keras_2_is_named_with_the_way_out(tmp_path: Path) -> None:
    _dense_network((28, 28), keras.layers.Flatten()).save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        config = json.loads(new.read("config.json"))
        config |= {
            "module": "tf_keras.src.engine.functional",
            "class_name": "Functional",
            "registered_name": "Functional",
        }
        config["config"]["padding"] = "x" * 10_000
        old.writestr("config.json", json.dumps(config))
        old.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        old.writestr("model.weights.h5", new.read("model.weights.h5"))

    done = _export(tmp_path / "old.keras")

    assert done.exit_code == 1
    assert "Keras 2.15.0 wrote it, and Keras 3 cannot read it" in done.stderr
    assert "load_model('old.keras', compile=False).save('old', save_format='tf')" in done.stderr
    assert len(done.stderr) < 2000
