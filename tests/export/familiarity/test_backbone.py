"""Backbones: the one that comes with edgecls, and those cut out of model files."""

import numpy as np
import onnx
import pytest
from class_activation_nets import AVERAGING, HEIGHT, WIDTH, network
from tiny_model import tiny_model_bytes

from edgecls.bundled_model import BUNDLED_BACKBONE
from edgecls.errors import ModelConfigError
from edgecls.export.familiarity.backbone import BUNDLED_SIDE, bundled_backbone, cut_backbone
from edgecls.image_spec import Fit, ImageSpec
from edgecls.model_card import Golden, GoldenSample, ModelCard
from edgecls.modelfile import ModelFile, model_from_bytes
from edgecls.models.classical.features import Features, feature_count, open_features
from edgecls.runtime.execution.onnxruntime_network import open_raw_network

SPEC = ImageSpec(BUNDLED_SIDE, BUNDLED_SIDE)


def _images(spec: ImageSpec, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *spec.shape_hwc), np.uint8)


def test_the_bundled_one_is_small_and_gives_the_features_that_its_file_gives() -> None:
    images = _images(SPEC)
    expected = open_raw_network(BUNDLED_BACKBONE.read_bytes(), name="file").run(images, input_name="image")["features"]

    rows = open_features(Features.BACKBONE, SPEC, bundled_backbone(SPEC), intra_op_threads=1)(images)

    assert BUNDLED_BACKBONE.stat().st_size <= 5e6
    assert rows.shape == (2, 1280)
    directions = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, directions * np.sqrt(1280), atol=1e-3)


def test_its_kernels_are_floats_once_it_is_read() -> None:
    proto = bundled_backbone(SPEC).network

    assert {tensor.data_type for tensor in proto.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    assert "DequantizeLinear" not in {node.op_type for node in proto.graph.node}


@pytest.mark.parametrize("opset", [13, 18])
def test_of_a_model_file_it_takes_what_the_classification_sees(opset: int) -> None:
    spec = ImageSpec(HEIGHT, WIDTH)
    head = "temperature" if opset == 13 else "the mean is the logits"  # the others have axes as attributes
    model = _model_file(network(AVERAGING[head], opset=opset), spec)

    backbone = cut_backbone(model)

    assert backbone.image == spec
    assert [value.name for value in backbone.network.graph.output] == ["features"]
    rows = open_features(Features.BACKBONE, spec, backbone, intra_op_threads=1)(_images(spec, 3))
    assert rows.shape == (3, backbone.width)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.sqrt(backbone.width), rtol=1e-4)


def test_images_of_another_size_are_refused() -> None:
    backbone = bundled_backbone(SPEC)

    with pytest.raises(ModelConfigError, match="takes images of 224x224 rgb, not of 64x64 rgb"):
        feature_count(Features.BACKBONE, ImageSpec(64, 64), backbone)
    with pytest.raises(ModelConfigError, match="need a network"):
        feature_count(Features.BACKBONE, SPEC)
    assert feature_count(Features.BACKBONE, ImageSpec(224, 224, fit=Fit.PAD), backbone) == 1280


def _model_file(onnx_bytes: bytes, spec: ImageSpec) -> ModelFile:
    """Return a model file of a network with four labels; its golden samples are not looked at here."""
    tiny = model_from_bytes(tiny_model_bytes(), name="tiny")
    card = ModelCard(
        name="net",
        labels=("a", "b", "c", "d"),
        image=spec,
        architecture="made up",
        golden=Golden(1e-3, (GoldenSample("noise", tiny.card.golden.samples[0].png, (0.25,) * 4),)),
    )
    return ModelFile("net.onnx", card, onnx_bytes)
