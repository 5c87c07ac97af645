"""Classical models as model files: they answer like the library they come from."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_model import tiny_card

import edgecls
from edgecls.errors import ExportError, ParityError
from edgecls.export.classical import export_classical, original_network
from edgecls.export.proof import golden_answers
from edgecls.image_spec import Color, ImageSpec
from edgecls.model_card import ModelCard
from edgecls.models.classical import FittedClassifier, classical_names, get_classical
from edgecls.models.classical.features import Features, open_features
from edgecls.models.classical.graph import Graph
from edgecls.models.classical.registry import TrainingRows

LABELS = ("红", "绿", "蓝")


def _images(spec: ImageSpec, *, labels: int, per_label: int = 25, seed: int = 0) -> np.ndarray:
    """Noise around a colour for each label, over stripes of another width for each."""
    rng = np.random.default_rng(seed)
    columns = np.arange(spec.width)
    images = [
        60
        + 60 * np.eye(3, spec.channels)[label]
        + 60 * (columns // (2 + label) % 2)[:, None]
        + rng.normal(0, 25, spec.shape_hwc)
        for label in range(labels)
        for _ in range(per_label)
    ]
    return np.clip(images, 0, 255).astype(np.uint8)


def _fitted(name: str, features: Features, images: np.ndarray, spec: ImageSpec, labels: int) -> FittedClassifier:
    rows = open_features(features, spec, intra_op_threads=1)(images)
    label_ids = np.repeat(np.arange(labels, dtype=np.int32), len(images) // labels)
    return get_classical(name).fit(TrainingRows(rows, label_ids, seed=0, threads=1))


def _card(
    name: str, fitted: FittedClassifier, features: Features, images: np.ndarray, spec: ImageSpec, labels: int
) -> ModelCard:
    network = original_network(fitted, features, spec)
    golden = golden_answers(network, {"a": images[0], "b": images[-1]}, name=name)
    return tiny_card(labels=LABELS[:labels], image=spec, architecture=name, golden=golden)


@pytest.mark.parametrize("name", classical_names())
@pytest.mark.parametrize(
    ("features", "color", "labels"),
    [(Features.PIXELS, Color.GRAY, 3), (Features.HOG, Color.GRAY, 2), (Features.HOG_COLOR, Color.RGB, 3)],
    ids=["gray-pixels", "gray-hog-two-labels", "hog-color"],
)
def test_every_model_answers_in_onnxruntime_as_in_its_library(
    name: str, features: Features, color: Color, labels: int, tmp_path: Path
) -> None:
    spec = ImageSpec(24, 32, color)
    images = _images(spec, labels=labels)
    fitted = _fitted(name, features, images, spec, labels)

    export = export_classical(fitted, features, _card(name, fitted, features, images, spec, labels))
    (tmp_path / "m.onnx").write_bytes(export.onnx)

    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    assert all(result.passed for result in classifier.verify())
    assert {"edgecls", "onnx", "skl2onnx", "onnxruntime"} <= set(classifier.card.versions)
    # The images it was fitted to lie nearest to a tree's thresholds; then others and noise.
    noise = np.random.default_rng(8).integers(0, 256, (20, *spec.shape_hwc), dtype=np.uint8)
    everything = np.concatenate([images, _images(spec, labels=labels, seed=1), noise])
    found = classifier.probabilities(everything)
    # Sums run in another order in onnxruntime; seen: 2e-6 at most.
    np.testing.assert_allclose(found, original_network(fitted, features, spec)(everything), rtol=0, atol=2e-5)
    right = found[: len(images)].argmax(axis=1) == np.repeat(np.arange(labels), 25)
    assert right.mean() > 0.8


def test_the_graph_has_the_promised_ends_and_a_free_batch() -> None:
    spec = ImageSpec(24, 32)
    images = _images(spec, labels=3)
    fitted = _fitted("random_forest", Features.HOG, images, spec, 3)
    card = _card("random_forest", fitted, Features.HOG, images, spec, 3)

    graph = onnx.load_from_string(export_classical(fitted, Features.HOG, card).onnx).graph

    (taken,), (given,) = graph.input, graph.output
    assert (taken.name, given.name) == ("image", "probabilities")
    assert taken.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [dim.dim_value or dim.dim_param for dim in taken.type.tensor_type.shape.dim] == ["N", 24, 32, 3]
    assert [dim.dim_value or dim.dim_param for dim in given.type.tensor_type.shape.dim] == ["N", 3]
    assert taken.type.denotation == "IMAGE"


class _Lopsided:
    """Answers one thing and writes down another, or cannot be written down."""

    def __init__(self, written: list[float] | None) -> None:
        self._written = written

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        return np.tile(np.float32([0.5, 0.3, 0.2]), (len(features), 1))

    def add_to(self, graph: Graph, features: str) -> str:
        if self._written is None:
            raise NotImplementedError("no such operator\nin a second line")
        zeros = graph.node("MatMul", features, graph.constant(np.zeros((24 * 32 * 3, 3))))
        return graph.node("Add", zeros, graph.constant(self._written))


@pytest.mark.parametrize(
    ("written", "error", "message"),
    [
        ([0.5, 0.3, 0.2], None, ""),
        ([0.5, 0.2, 0.3], ParityError, "largest difference 0.1"),
        (None, ExportError, "cannot convert 'knn' to ONNX: no such operator$"),
    ],
    ids=["alike", "another-answer", "no-operator"],
)
def test_a_model_that_differs_does_not_leave_the_house(
    written: list[float] | None, error: type[ExportError] | None, message: str
) -> None:
    spec = ImageSpec(24, 32)
    fitted = _Lopsided(written)
    card = _card("knn", fitted, Features.PIXELS, _images(spec, labels=3), spec, 3)

    if error is None:
        assert export_classical(fitted, Features.PIXELS, card).parity.difference < 1e-6
    else:
        with pytest.raises(error, match=message):
            export_classical(fitted, Features.PIXELS, card)
