"""Networks in other number types, and the gate that tells rounding from a difference."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from image_folders import write_class_folders
from keras import layers
from tiny_model import tiny_card

import edgecls
from edgecls.cli import main
from edgecls.errors import ParityError
from edgecls.export.from_keras import export as export_module
from edgecls.export.from_keras.convert import keras_to_onnx
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.export.parity import MAX_DIFFERENCE
from edgecls.image_spec import ImageSpec
from edgecls.model_card import ModelCard

SIDE = 24


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("samples"), per_label=2)


@pytest.fixture
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy("float32")


def _network(dtype: str = "float32") -> keras.Model:
    keras.utils.set_random_seed(2)
    images = keras.Input((SIDE, SIDE, 3), dtype=dtype)
    rest = layers.BatchNormalization()(layers.Conv2D(8, 3, activation="relu")(images))
    rest = layers.GlobalAveragePooling2D()(layers.Conv2D(16, 3, activation="gelu")(rest))
    return keras.Model(images, layers.Dense(3, activation="softmax")(rest))


def _export(source: Path, samples: Path) -> Result:
    names = samples.parent / "labels.txt"
    names.write_text("a\nb\nc")
    given = [source, "-o", source.parent / "m.onnx", "--labels", names, "--samples", samples, "--pixel-range", 0, 1]
    return CliRunner().invoke(main, ["export", *map(str, given)])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"], indirect=True)
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_network_of_another_number_type_is_exported_in_float32(
    policy: str, name: str, tmp_path: Path, samples: Path
) -> None:
    if (policy, name) == ("bfloat16", "m.h5"):
        pytest.skip("Keras itself cannot read what it writes there")
    network = _network()
    network.save(tmp_path / name)
    keras.mixed_precision.set_dtype_policy("float32")

    done = _export(tmp_path / name, samples)

    assert done.exit_code == 0, done.output
    batch = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    expected = keras.ops.convert_to_numpy(network(batch.astype(np.float32) / 255)).astype(np.float32)
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(batch)
    np.testing.assert_allclose(found, expected, atol=2e-2 if "bfloat16" in policy else 2e-3)


def _rounding_network(pixels: np.ndarray) -> keras.Model:
    """Build a network that rounds an answer by more than the bound: it is what is left of large numbers."""
    keras.utils.set_random_seed(3)
    images = keras.Input(pixels.shape, dtype="uint8")
    rest = layers.Conv2D(32, 5, activation="relu")(layers.Rescaling(1.0)(images))
    rest = layers.Flatten()(layers.Conv2D(32, 5, activation="relu")(rest))
    head = layers.Dense(3, activation="softmax", kernel_initializer="random_normal")
    network = keras.Model(images, head(rest))
    noise = np.random.default_rng(1).integers(0, 256, (15, *pixels.shape), dtype=np.uint8)
    features = keras.ops.convert_to_numpy(keras.Model(images, rest)(np.stack([pixels, *noise]))).astype(np.float64)
    kernel = keras.ops.convert_to_numpy(head.kernel).astype(np.float64)
    kernel *= 600 / (features @ kernel).std(0)
    head.kernel.assign(kernel)
    head.bias.assign([1, 0, -1] - features[0] @ kernel)
    return network


def _card(network: keras.Model, pixels: np.ndarray) -> ModelCard:
    return tiny_card(labels=("a", "b", "c"), image=ImageSpec(SIDE, SIDE), golden=golden_from(network, {"a": pixels}))


PIXELS = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def test_a_difference_by_rounding_passes_and_the_file_verifies(tmp_path: Path) -> None:
    network = _rounding_network(PIXELS)

    export = export_float32(network, _card(network, PIXELS))

    assert export.parity.difference <= MAX_DIFFERENCE or "this is rounding" in str(export.parity)
    assert export.card.golden.tolerance == pytest.approx(max(1e-3, 10 * export.parity.difference))
    (tmp_path / "m.onnx").write_bytes(export.onnx)
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    assert classifier.card == export.card
    assert all(result.passed for result in classifier.verify())


def test_a_true_difference_of_the_same_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = _rounding_network(PIXELS)
    card = _card(network, PIXELS)
    other = _rounding_network(PIXELS)
    bias = other.layers[-1].bias
    bias.assign_add([0.05, 0, 0])  # a hundredth of a probability
    monkeypatch.setattr(export_module, "keras_to_onnx", lambda _: keras_to_onnx(other))

    with pytest.raises(ParityError, match=r"does not answer like .*allow it with --max-difference"):
        export_float32(network, card)
