"""Networks of others, in every form they come in."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result
from image_folders import write_class_folders

import edgecls
from edgecls.cli import main
from edgecls.errors import ExportError
from edgecls.export.from_keras.file import load_keras

SIDE = 24
LABELS = ("红 roses", "绿 grass", "蓝 sky")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("samples"), per_label=2)


def _network(activation: str | None = "softmax", outputs: int = 3, *, flipped: bool = False) -> keras.Model:
    keras.utils.set_random_seed(5)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.DepthwiseConv2D(3),
            layers.BatchNormalization(),
            *([layers.RandomFlip()] if flipped else []),
            layers.GlobalAveragePooling2D(),
            layers.Dense(outputs, activation=activation, bias_initializer="random_normal"),
        ],
        name="tutorial",
    )


def _batch() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


def _export(source: Path, samples: Path, labels: tuple[str, ...] = LABELS, *options: str) -> Result:
    names = samples.parent / "labels.txt"
    names.write_text("\n".join(labels), encoding="utf-8")
    arguments = [str(source), "-o", str(source.parent / "m.onnx"), "--labels", str(names), "--samples", str(samples)]
    return CliRunner().invoke(main, ["export", *arguments, "--pixel-range", "0", "1", *options])


def _save_h5(network: keras.Model, path: Path) -> None:
    network.save(path)


def _save_keras2_h5(network: keras.Model, path: Path) -> None:
    """Write the file with what Keras 2 wrote otherwise: options, modules, slashes, an optimizer with decay."""
    network.save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["module"] = "tf_keras.src.layers"
            options = layer["config"]
            if layer["class_name"] == "DepthwiseConv2D":
                options |= {"groups": 1, "name": "block/depthwise"}
            if layer["class_name"] == "RandomFlip":
                options["rng_type"] = "stateful"
            if layer["class_name"] == "BatchNormalization":
                options["axis"] = [3]
            if layer["class_name"] == "InputLayer":
                options["batch_input_shape"] = options.pop("batch_shape", None) or options["batch_input_shape"]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["training_config"] = json.dumps(
            {"optimizer_config": {"class_name": "RMSprop", "config": {"lr": 1e-4, "decay": 1e-6}}, "loss": "mse"}
        )


def _save_exported(network: keras.Model, path: Path) -> None:
    network.export(path, verbose=False)


def _save_by_tensorflow(network: keras.Model, path: Path) -> None:
    module = tf.Module()
    module.network = network
    signature = tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="images")
    module.call = tf.function(lambda images: {"scores": network(images)}, input_signature=[signature])
    tf.saved_model.save(module, str(path), signatures=module.call)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("m.keras", _save_h5),
        ("m.h5", _save_h5),
        ("m.hdf5", _save_h5),
        ("old.h5", _save_keras2_h5),
        ("exported", _save_exported),
        ("by_tensorflow", _save_by_tensorflow),
    ],
)
def test_a_network_in_any_form_answers_as_it_did(
    name: str, save: Callable[[keras.Model, Path], None], tmp_path: Path, samples: Path
) -> None:
    network = _network(flipped=name == "old.h5")
    save(network, tmp_path / name)

    done = _export(tmp_path / name, samples)

    assert done.exit_code == 0, done.output
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    by_hand = network.predict(_batch().astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(classifier.probabilities(_batch()), by_hand, atol=1e-5)
    assert classifier.card.labels == LABELS


def _histories(value: Any) -> list[list[Any]]:
    if isinstance(value, dict):
        found = [value["keras_history"]] if "keras_history" in value else []
        return [*found, *(history for inner in value.values() for history in _histories(inner))]
    return [history for inner in value for history in _histories(inner)] if isinstance(value, list) else []


def test_a_network_within_a_network_of_keras2_answers_as_it_did(tmp_path: Path, samples: Path) -> None:
    keras.utils.set_random_seed(5)
    layers = keras.layers
    pixels = keras.Input((SIDE, SIDE, 3))
    inner = keras.Model(pixels, layers.BatchNormalization()(layers.Conv2D(4, 3)(pixels)), name="base")
    images = keras.Input((SIDE, SIDE, 3))
    spectral = layers.SpectralNormalization(layers.Conv2D(4, 3), name="spectral")
    features = layers.Add()([inner(images), inner(layers.Rescaling(0.5)(images))])
    pooled = layers.GlobalAveragePooling2D()(layers.ReLU(threshold=0.1, name="threshold")(spectral(features)))
    network = keras.Model(images, layers.Dense(3, activation="softmax")(pooled))
    network.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["module"] = "tf_keras.src.layers"
            layer["inbound_nodes"] = [  # where a network's own making counts as its first call
                [[name, index + (name == "base"), output, {}] for name, index, output in _histories(node)]
                for node in layer["inbound_nodes"]
            ]
            layer["config"].pop("dtype", None)
            if layer["name"] == "spectral":
                layer["config"]["layer"]["module"] = "tf_keras.src.layers"
            if layer["name"] == "threshold":
                layer["class_name"], layer["config"] = "ThresholdedReLU", {"name": "threshold", "theta": 0.1}
            if layer["class_name"] == "Dense":
                layer["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
        file.attrs["model_config"] = json.dumps(config)

    done = _export(tmp_path / "m.h5", samples)

    assert done.exit_code == 0, done.output
    by_hand = network.predict(_batch().astype(np.float32) / 255, verbose=0)
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_batch())
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


@pytest.mark.parametrize("save", [_save_h5, _save_exported, _save_by_tensorflow], ids=["keras", "export", "tensorflow"])
def test_what_applications_hold_is_exported_from_any_form(
    save: Callable[[keras.Model, Path], None], tmp_path: Path, samples: Path
) -> None:
    keras.utils.set_random_seed(5)
    layers = keras.layers
    images = keras.Input((SIDE, SIDE, 3))
    features = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3])(images)
    features = layers.Conv2D(8, 3, groups=2, activation="gelu")(layers.Conv2D(8, 3)(features))
    pooled = layers.GlobalAveragePooling2D()(layers.Activation("celu")(features))
    network = keras.Model(images, layers.Dense(3, activation="softmax")(pooled))
    source = tmp_path / ("m.h5" if save is _save_h5 else "saved")
    save(network, source)

    done = _export(source, samples)

    assert done.exit_code == 0, done.output
    by_hand = network.predict(_batch().astype(np.float32) / 255, verbose=0)
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_batch())
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


def test_arithmetic_of_keras_3_in_an_h5_file_is_loaded(tmp_path: Path) -> None:
    images = keras.Input((SIDE, SIDE, 3))
    scaled = 1.0 - (images - np.float32([100, 110, 120])) / 127.5
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([scaled, images]) + scaled)
    network = keras.Model(images, keras.layers.Dense(3, activation="softmax")(pooled))
    network.save(tmp_path / "m.h5")

    found = load_keras(tmp_path / "m.h5").predict(_batch().astype(np.float32), verbose=0)

    np.testing.assert_array_equal(found, network.predict(_batch().astype(np.float32), verbose=0))


def test_an_operation_whose_options_an_h5_file_loses_is_named_with_a_way_out(tmp_path: Path) -> None:
    images = keras.Input((SIDE, SIDE, 3))
    centred = images - keras.ops.mean(images, axis=(1, 2), keepdims=True)
    keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(centred))).save(tmp_path / "m.h5")

    with pytest.raises(ExportError, match=r"the operation 'mean'.*; save the network with model\.save\('model\.keras"):
        load_keras(tmp_path / "m.h5")


def test_a_saved_model_in_half_precision_needs_a_wider_bound(tmp_path: Path, samples: Path) -> None:
    module = tf.Module()
    kernel = tf.random.stateless_normal((3, 3, 3, 64), (1, 2), dtype=tf.float16)

    def call(images: Any) -> Any:
        features = tf.nn.conv2d(tf.cast(images, tf.float16), kernel, 1, "SAME")
        pooled = tf.reduce_mean(features, axis=(1, 2))[:, :3] * tf.constant(8.0, tf.float16)
        return tf.nn.softmax(tf.cast(pooled, tf.float32))

    module.call = tf.function(call, input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)

    refused = _export(tmp_path / "saved", samples, LABELS, "--max-difference", "1e-7")
    done = _export(tmp_path / "saved", samples, LABELS, "--max-difference", "0.05")

    assert "allow it with --max-difference" in refused.stderr
    assert done.exit_code == 0, done.output
    halves = [tensor for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer if tensor.data_type == 10]
    assert not halves
    assert all(result.passed for result in edgecls.load(tmp_path / "m.onnx", "cpu").verify())


@pytest.mark.parametrize("logits", [False, True], ids=["sigmoid", "logit"])
def test_a_single_output_becomes_two_probabilities(logits: bool, tmp_path: Path, samples: Path) -> None:
    network = _network(None if logits else "sigmoid", outputs=1)
    network.save(tmp_path / "m.h5")

    done = _export(tmp_path / "m.h5", samples, ("cat 猫", "dog"), *(["--logits"] if logits else []))

    assert done.exit_code == 0, done.output
    second = network.predict(_batch().astype(np.float32) / 255, verbose=0)
    if logits:
        second = 1 / (1 + np.exp(-second))
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_batch())
    np.testing.assert_allclose(found, np.concatenate([1 - second, second], axis=1), atol=1e-5)


def test_logits_get_a_softmax_when_they_are_said_to_be_logits(tmp_path: Path, samples: Path) -> None:
    network = _network(None)
    network.save(tmp_path / "m.keras")

    done = _export(tmp_path / "m.keras", samples, LABELS, "--logits")

    assert done.exit_code == 0, done.output
    logits = network.predict(_batch().astype(np.float32) / 255, verbose=0)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_batch())
    np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "outputs", "labels", "options", "message"),
    [
        (None, 3, LABELS, [], "or give --logits if that is all it lacks"),
        ("softmax", 3, LABELS, ["--logits"], "are probabilities already, for they lie between 0 and 1"),
        ("sigmoid", 1, ("cat", "dog"), ["--logits"], "are probabilities already, for they lie between 0 and 1"),
        (None, 1, ("cat", "dog"), [], "or give --logits if that is all it lacks"),
        ("sigmoid", 3, LABELS, [], "not with a sigmoid for each label"),
        ("sigmoid", 1, LABELS, [], "has 1 outputs, but there are 3 labels (a single output tells two labels apart)"),
    ],
)
def test_outputs_that_are_not_what_they_are_said_to_be_are_refused(
    activation: str | None,
    outputs: int,
    labels: tuple[str, ...],
    options: list[str],
    message: str,
    tmp_path: Path,
    samples: Path,
) -> None:
    _network(activation, outputs).save(tmp_path / "m.keras")

    done = _export(tmp_path / "m.keras", samples, labels, *options)

    assert done.exit_code == 1
    assert message in done.stderr
    assert not (tmp_path / "m.onnx").exists()


def _lambda_network() -> keras.Model:
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Lambda(lambda images: images), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_code_inside_a_file_is_not_run(name: str, tmp_path: Path) -> None:
    _lambda_network().save(tmp_path / name)

    with pytest.raises(ExportError, match="does not run code from files"):
        load_keras(tmp_path / name)


def test_a_saved_model_that_touches_files_is_not_loaded(tmp_path: Path) -> None:
    module = tf.Module()
    target = str(tmp_path / "written")

    def call(images: Any) -> Any:
        tf.io.write_file(target, "was here")
        return tf.reduce_mean(images, axis=(1, 2))

    signature = tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)
    module.call = tf.function(call, input_signature=[signature])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)

    with pytest.raises(ExportError, match=r"reads or writes files .*WriteFile.*not loaded"):
        load_keras(tmp_path / "saved")


def test_operations_without_a_counterpart_are_named(tmp_path: Path, samples: Path) -> None:
    module = tf.Module()

    def call(images: Any) -> Any:
        return tf.nn.softmax(tf.raw_ops.Betainc(a=tf.reduce_mean(images, axis=(1, 2)), b=0.5, x=0.5))

    module.call = tf.function(call, input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)

    done = _export(tmp_path / "saved", samples)

    assert done.exit_code == 1
    assert "no counterpart for Betainc" in done.stderr


def test_weights_without_a_network_are_explained(tmp_path: Path) -> None:
    _network().save_weights(tmp_path / "m.weights.h5")

    with pytest.raises(ExportError, match=r"holds weights and no network; .*model\.save"):
        load_keras(tmp_path / "m.weights.h5")


def test_a_saved_model_of_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    signature = tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)
    module.call = tf.function(lambda images: tf.reduce_mean(images, axis=(1, 2)), input_signature=[signature])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.call)

    with pytest.raises(ExportError, match="the number of images must be free"):
        load_keras(tmp_path / "saved")


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n and no more", b"", b"plain text"])
def test_a_damaged_h5_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.h5").write_bytes(content)

    with pytest.raises(ExportError, match=r"cannot load .*m\.h5"):
        load_keras(tmp_path / "m.h5")


def test_a_damaged_saved_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff nonsense")

    with pytest.raises(ExportError, match="give a whole SavedModel folder"):
        load_keras(tmp_path)


def test_a_folder_and_a_name_of_nothing_are_refused(tmp_path: Path) -> None:
    for path, what in ((tmp_path, "the folder holds no SavedModel"), (tmp_path / "x.h5", "there is no such file")):
        with pytest.raises(ExportError, match=what):
            load_keras(path)


def test_a_keras_file_with_more_data_than_weights_is_not_unpacked(tmp_path: Path) -> None:
    _network().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", bytes(80 << 20))

    with pytest.raises(ExportError, match="far more data than its network has weights for"):
        load_keras(tmp_path / "bomb.keras")
