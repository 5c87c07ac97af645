"""Weights of torchvision: the network that they are for, and its answers beside torchvision's own."""

import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_model import tiny_card
from torch_files import save_as_torch

from edgecls.errors import ModelConfigError
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import build_model, get_architecture
from edgecls.models.architecture import features_model
from edgecls.models.torchvision_networks import TORCHVISION

from .conftest import LABELS, noise

SPEC = ImageSpec(41, 58, Color.RGB, Fit.CROP)  # odd and even: padding differs from Keras's at another side of each
IMAGES = np.random.default_rng(0).integers(0, 256, (2, *SPEC.shape_hwc), dtype=np.uint8)

PUBLISHED = {  # from torchvision 0.29.1, with the weights of _values: first pooled features of both images, their sums
    "mobilenet_v2": (
        [[0.512077, 1.03864, 5.08439, 0.0], [0.820541, 0.107907, 4.64418, 0.0]],
        [1834.7200927734375, 1812.3330078125],
    ),
    "resnet18": (
        [[0.0, 15.8919, 37.4553, 60.5679], [0.0, 7.2969, 39.605, 48.5979]],
        [13429.181640625, 14648.2197265625],
    ),
    "resnet50": (
        [[5836.8, 6329.67, 2423.49, 973.683], [5970.81, 6736.59, 2255.78, 1113.36]],
        [8780646.0, 9073289.0],
    ),
}

every_variant = pytest.mark.parametrize("name", list(PUBLISHED))


def _values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the made-up weights of a tensor, which depend on its name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shape) == 4:
        values = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
    elif name.endswith(("weight", "running_var")):
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.normal(0, 0.1, shape)
    return values.astype(np.float32)


def _state_dict(name: str) -> dict[str, np.ndarray]:
    """Return made-up weights with the names and shapes of torchvision, the classification included."""
    found = {}
    for layer in features_model(get_architecture(name), SPEC, TORCHVISION).layers:
        module = layer.name.replace("_", ".")
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            found |= {f"{module}.{part}": _values(f"{module}.{part}", layer.gamma.shape) for part in parts}
            found[f"{module}.num_batches_tracked"] = np.array(3)
        elif layer.weights:
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            shape = np.transpose(np.empty(layer.kernel.shape), (2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1)).shape
            found[f"{module}.weight"] = _values(f"{module}.weight", shape)
    head = "classifier.1" if name == "mobilenet_v2" else "fc"
    return {**found, f"{head}.weight": np.zeros((1000, 8), np.float32), f"{head}.bias": np.zeros(1000, np.float32)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("torchvision")
    return {
        name: save_as_torch(folder / f"{name}.pth", _state_dict(name), is_legacy=name == "resnet18")
        for name in PUBLISHED
    }


def _network(name: str, path: Path, spec: ImageSpec = SPEC) -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_model(name, num_classes=len(LABELS), spec=spec, weights=str(path))


@every_variant
def test_features_are_those_of_torchvision(name: str, files: dict[str, Path]) -> None:
    network = _network(name, files[name])

    pooled = keras.Model(network.input, network.get_layer("head_average").output)(IMAGES, training=False)

    first, sums = PUBLISHED[name]
    found = keras.ops.convert_to_numpy(pooled)
    np.testing.assert_allclose(found[:, :4], first, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), sums, rtol=1e-5)


@every_variant
def test_it_answers_in_onnxruntime_as_in_keras(name: str, files: dict[str, Path]) -> None:
    network = _network(name, files[name])
    head = network.get_layer("head_logits")  # made-up features are large
    head.set_weights([weights / PUBLISHED[name][1][0] for weights in head.get_weights()])
    images = noise(SPEC, 3)
    golden = golden_from(network, {"a": images[0], "b": images[1]})

    export = export_float32(network, tiny_card(labels=LABELS, image=SPEC, architecture=name, golden=golden))

    assert export.parity.difference < 2e-5


def test_a_gray_network_answers_like_the_colour_network_on_gray_images(files: dict[str, Path]) -> None:
    gray = ImageSpec(SPEC.height, SPEC.width, Color.GRAY, SPEC.fit)

    networks = [_network("resnet18", files["resnet18"], spec) for spec in (gray, SPEC)]

    images = IMAGES[..., :1]
    for spec_images, network in zip((images, np.repeat(images, 3, axis=3)), networks, strict=True):
        network.pooled = keras.Model(network.input, network.get_layer("head_average").output)(spec_images)
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(one.pooled) for one in networks), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_the_weights_of_such_a_network_are_taken_again(suffix: str, files: dict[str, Path], tmp_path: Path) -> None:
    first = _network("resnet18", files["resnet18"])
    path = tmp_path / f"again{suffix}"
    first.save(path) if suffix == ".keras" else first.save_weights(path)

    again = _network("resnet18", path, ImageSpec(32, 32))

    for given, taken in zip(first.weights[:-2], again.weights[:-2], strict=True):
        assert given.path == taken.path
        np.testing.assert_array_equal(given, taken)


def test_safetensors_are_taken(files: dict[str, Path], tmp_path: Path) -> None:
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file(_state_dict("resnet18"), tmp_path / "w.safetensors")

    one, other = _network("resnet18", files["resnet18"]), _network("resnet18", tmp_path / "w.safetensors")

    for given, taken in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(given, taken)


def test_damaged_safetensors_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"\xff" * 50)

    with pytest.raises(ModelConfigError, match=r"cannot take weights from .*w\.safetensors"):
        _network("resnet18", tmp_path / "w.safetensors")


def test_all_wrong_names_shapes_and_values_are_listed(tmp_path: Path) -> None:
    tensors = _state_dict("resnet18")
    tensors["layer9.conv.weight"] = tensors.pop("layer1.0.conv1.weight")
    tensors["bn1.bias"] = np.zeros(63, np.float32)
    tensors["layer2.0.conv1.weight"] = np.zeros((128, 64, 5, 5), np.float32)
    tensors["layer1.0.bn1.weight"] = np.full(64, np.nan, np.float32)

    with pytest.raises(ModelConfigError) as refused:
        _network("resnet18", save_as_torch(tmp_path / "w.pth", tensors))

    text = str(refused.value)
    assert "w.pth' do not fit resnet18. missing: layer1.0.conv1.weight; unknown: layer9.conv.weight; " in text
    assert "of another shape: bn1.bias 63 instead of 64, layer2.0.conv1.weight 128x64x5x5 instead of 128x64x3x3" in text
    assert "not finite: layer1.0.bn1.weight" in text


def test_of_many_faults_the_first_are_listed(files: dict[str, Path]) -> None:
    with pytest.raises(ModelConfigError, match=r"missing: conv1\.weight, .* and \d+ more; unknown: features"):
        _network("resnet18", files["mobilenet_v2"])


def test_other_architectures_do_not_take_them(files: dict[str, Path]) -> None:
    with pytest.raises(ModelConfigError, match="weights of PyTorch, which simple_cnn does not take; these do: eff"):
        _network("simple_cnn", files["resnet18"])
    with pytest.raises(ModelConfigError, match="vgg16 has no variant 'torchvision'; it has none"):
        build_model("vgg16", num_classes=3, spec=SPEC, variant="torchvision")
