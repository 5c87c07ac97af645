"""A network of every architecture, fitted for one step, that all tests of this folder share."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import Architecture, build_model, get_architecture

SPEC = ImageSpec(48, 64, Color.RGB, Fit.CROP)  # not square, so that height and width cannot be mixed up
LABELS = ("红 roses", "绿 grass", "蓝 sky")

SAMPLE = (
    *(
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
        "gray_cnn",
        "resnet18",
        "simple_cnn",
    ),  # our own
    *("efficientnet_b0", "efficientnet_v2_b0", "mobilenet_v2", "mobilenet_v3_small", "nasnet_mobile"),
    *("resnet50v2", "vgg16"),
)
"""Our own networks, and of the table of keras.applications the smallest of most families; benchmarks/architectures.py
takes all of them through the same steps."""


@dataclass(frozen=True)
class Fitted:
    """A colour network after one step.

    Attributes:
        architecture: What it is.
        model: The network.
        loss: Of the step.
        moved: Paths of the weights that the step changed.
        weights_path: Its weights as a .weights.h5 file.
    """

    architecture: Architecture
    model: keras.Model
    loss: float
    moved: frozenset[str]
    weights_path: Path


@pytest.fixture(scope="session", params=SAMPLE)
def fitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Fit a step on noise.

    The moving statistics of batch normalisation become those of the images: with its initial ones,
    an untrained deep network gives the same answer for every image, and no test could fail. The
    images are of every kind that the parity gate asks about: on others, an untrained network
    multiplies the last digit of a sum into another answer.
    """
    name: str = request.param
    keras.utils.set_random_seed(1)
    model = build_model(name, num_classes=len(LABELS), spec=SPEC)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    before = {weight.path: weight.numpy() for weight in model.weights}
    # Eagerly: to trace and to compile a step takes ten times as long as to do it once.
    model.compile(keras.optimizers.Adam(1e-4), "sparse_categorical_crossentropy", run_eagerly=True, jit_compile=False)
    flat = np.stack([np.zeros(SPEC.shape_hwc, np.uint8), np.full(SPEC.shape_hwc, 255, np.uint8)])
    strong = np.random.default_rng(1).integers(0, 256, (2, *SPEC.shape_hwc), np.uint8)
    images = np.concatenate([noise(SPEC, 4), strong, flat])
    history = model.fit(images, np.arange(8) % len(LABELS), batch_size=8, verbose=0)
    moved = {weight.path for weight in model.weights if not np.array_equal(before[weight.path], weight.numpy())}
    path = tmp_path_factory.mktemp("weights") / f"{name}.weights.h5"
    model.save_weights(path)
    return Fitted(get_architecture(name), model, history.history["loss"][0], frozenset(moved), path)


def noise(spec: ImageSpec, count: int) -> np.ndarray:
    """Return random images that differ in brightness and contrast too, uint8 ``[N, H, W, C]``."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 128, (count, 1, 1, 1))
    return (low + rng.random((count, *spec.shape_hwc)) * rng.integers(32, 128, (count, 1, 1, 1))).astype(np.uint8)
