"""Reducing the precision of whole model files: what meets the budget, what stays in float32, what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from color_network import LAYERS, color_model, color_model_bytes, color_onnx, unsure_golden, weights_of
from image_folders import COLORS, write_class_folders
from tiny_model import tiny_onnx

import edgecls
from edgecls import image, modelfile
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import AccuracyBudgetError, DatasetError, ExportError
from edgecls.export.precision import int8_search
from edgecls.export.precision.float_network import read_float_network
from edgecls.export.precision.int8_graph import int8_onnx
from edgecls.export.precision.recipe import RECIPES, Int8Recipe
from edgecls.export.precision.reduce import ReducedModel, reduce_precision
from edgecls.modelfile import ModelFile

VNNI = RECIPES["x86-vnni"]


def _reduce(model: ModelFile, folder: Path, recipe: Int8Recipe | None = VNNI, *, max_drop: float = 0.5) -> ReducedModel:
    return reduce_precision(model, read_dataset(folder), recipe=recipe, max_drop=max_drop, seed=0, workers=2)


@pytest.mark.parametrize(
    ("recipe", "precision"),
    [*((recipe, "int8") for recipe in RECIPES.values()), (None, "float16")],
    ids=[*RECIPES, "float16"],
)
def test_a_reduced_file_answers_its_golden_samples(
    recipe: Int8Recipe | None, precision: str, color_folders: Path, tmp_path: Path
) -> None:
    model = color_model(class_activation=True)

    reduced = _reduce(model, color_folders, recipe, max_drop=0)

    (tmp_path / "m.onnx").write_bytes(reduced.onnx)
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    assert all(result.passed for result in classifier.verify())
    assert classifier.card.precision == precision
    assert classifier.card == reduced.card
    assert reduced.chosen.measurement.accuracy == 1


def test_the_card_keeps_what_it_was_and_says_what_was_measured(color_folders: Path) -> None:
    model = color_model()

    card = _reduce(model, color_folders).card

    assert (card.labels, card.image, card.temperature) == (model.card.labels, model.card.image, 1.25)
    assert card.golden.samples == model.card.golden.samples
    assert 0.02 <= card.golden.tolerance <= 0.25
    assert card.name == "colors-int8"
    assert card.metrics["validation_accuracy"] == 1
    assert card.metrics["accuracy"] == card.metrics["accuracy_float32"] == card.metrics["same_label_as_float32"] == 1
    assert (card.metrics["accuracy_images"], card.metrics["accuracy_drop_points"]) == (39, 0)
    assert card.metrics["speed_ratio"] > 0
    assert card.training["epochs"] == 3
    assert card.training["reduced_from_sha256"] == hashlib.sha256(model.onnx).hexdigest()
    assert (card.training["int8_recipe"], card.training["int8_calibration_images"]) == ("x86-vnni", 21)
    assert {"edgecls", "onnx", "onnxruntime"} <= set(card.versions)


def test_an_unknown_threshold_is_kept(color_folders: Path) -> None:
    assert _reduce(color_model(unknown_threshold=0.4), color_folders).card.unknown_threshold == 0.4


def test_the_layers_that_lose_most_are_left_in_float32(color_folders: Path) -> None:
    reduced = _reduce(color_model(outlier=1000), color_folders)

    tried = [len(attempt.candidate.float_layers) for attempt in reduced.attempts]
    assert tried == [0, 0, 1, 2]
    assert reduced.attempts[0].measurement.drop > 0.5
    assert reduced.chosen.measurement.drop == 0
    assert (reduced.card.training["int8_layers"], reduced.card.training["float32_layers"]) == (4, 2)
    weights = weights_of(reduced.onnx)
    assert {"first", "second", "third_quantized", "dense_quantized"} <= set(weights)


def test_a_budget_that_nothing_meets_is_refused_with_all_that_was_tried(
    color_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_search, "FLOAT_FRACTION", 1 / 6)  # of six layers two lose all

    with pytest.raises(AccuracyBudgetError) as caught:
        _reduce(color_model(outlier=1000), color_folders)

    message = str(caught.value)
    assert "misses its budget, so no file was written: it may lose 0.5 points on 39 images" in message
    assert "accuracy in float32: 1.0000" in message
    for tried in ("min-max, all layers: accuracy 0.3", "mean min-max, all layers", "1 of 6 layers in float32"):
        assert tried in message
    assert "--max-drop" in message


def test_golden_samples_that_are_too_far_off_count_as_a_missed_budget(color_folders: Path) -> None:
    with pytest.raises(AccuracyBudgetError, match=r"and be 0\.\d+ off on golden samples"):
        # So unsure of its samples that a network which finds all labels equally likely would nearly pass.
        _reduce(color_model(golden=unsure_golden()), color_folders, max_drop=100)


def test_numbers_that_float16_does_not_have_are_refused(color_folders: Path) -> None:
    with pytest.raises(ExportError, match=r"computes numbers up to [\d.]+e\+05, beyond the largest float16, 65504"):
        _reduce(color_model(outlier=1e6), color_folders, recipe=None)


def test_noise_shows_nothing_and_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in COLORS:
        (tmp_path / label).mkdir()
        for index in range(20):
            noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
            (tmp_path / label / f"{index}.png").write_bytes(image.encode_png(noise))

    with pytest.raises(DatasetError, match=r"the float32 model finds \d+\.\d% of each label among the 39 images"):
        _reduce(color_model(), tmp_path, max_drop=0)


def test_calibrating_on_noise_alone_is_refused_too(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "test", per_label=10)
    rng = np.random.default_rng(0)
    for label in COLORS:
        (tmp_path / "train" / label).mkdir(parents=True)
        for index in range(20):
            noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
            (tmp_path / "train" / label / f"{index}.png").write_bytes(image.encode_png(noise))

    with pytest.raises(DatasetError, match="60 images to calibrate on"):
        _reduce(color_model(), tmp_path, max_drop=0)


def test_what_is_int8_already_is_refused(color_folders: Path) -> None:
    reduced = _reduce(color_model(), color_folders)

    with pytest.raises(ExportError, match=r"model 'colors-int8' is int8 already; give the float32 model file"):
        _reduce(ModelFile("m.onnx", reduced.card, reduced.onnx), color_folders)


def test_an_adopted_int8_network_is_refused_whatever_its_card_says(
    network: object, ranges: object, color_folders: Path
) -> None:
    quantized = int8_onnx(network, network.layers, ranges, VNNI)  # type: ignore[attr-defined, arg-type]
    card = color_model().card

    with pytest.raises(ExportError, match="is int8 already"):
        _reduce(ModelFile("m.onnx", card, modelfile.describe(quantized, card)), color_folders)


def test_a_network_without_weights_is_refused(color_folders: Path) -> None:
    proto = onnx.load_from_string(tiny_onnx(spec=color_model().card.image))
    matmul = next(node for node in proto.graph.node if node.op_type == "MatMul")
    matmul.CopyFrom(onnx.helper.make_node("Mul", ["mean", "sharpness"], ["logits"]))
    proto.graph.initializer.append(onnx.helper.make_tensor("sharpness", 1, [], [10 / 255]))
    card = color_model().card

    with pytest.raises(
        ExportError, match="has no convolution and no dense layer in float32, so there is nothing to quantise"
    ):
        _reduce(ModelFile("m.onnx", card, modelfile.describe(proto.SerializeToString(), card)), color_folders)


def test_trees_are_refused() -> None:
    proto = onnx.load_from_string(color_onnx())
    proto.graph.node.append(onnx.helper.make_node("TreeEnsembleRegressor", ["flat"], ["score"], domain="ai.onnx.ml"))
    card = color_model(architecture="random_forest").card

    with pytest.raises(ExportError, match=r"\(random_forest\) decides by comparing numbers, as trees do"):
        read_float_network(ModelFile("m.onnx", card, modelfile.describe(proto.SerializeToString(), card)))


def test_nodes_that_compute_in_float64_are_left_alone() -> None:
    proto = onnx.load_from_string(color_onnx())
    node = onnx.helper.make_node
    pool = next(each for each in proto.graph.node if each.op_type == "GlobalAveragePool")
    pool.output[0] = "mean32"
    place = list(proto.graph.node).index(pool) + 1
    for extra in (
        node("Cast", ["doubled"], ["mean"], to=onnx.TensorProto.FLOAT),
        node("Add", ["mean64", "mean64"], ["doubled"]),
        node("Cast", ["mean32"], ["mean64"], to=onnx.TensorProto.DOUBLE),
    ):
        proto.graph.node.insert(place, extra)
    card = color_model().card

    network = read_float_network(ModelFile("m.onnx", card, modelfile.describe(proto.SerializeToString(), card)))

    kinds = {each.name: each.op_type for each in network.proto.graph.node}
    assert tuple(kinds[layer] for layer in network.layers) == LAYERS


def test_constants_that_are_nodes_and_an_old_opset_are_taken(color_folders: Path) -> None:
    proto = onnx.load_from_string(color_model_bytes())
    dense = next(tensor for tensor in proto.graph.initializer if tensor.name == "dense")
    proto.graph.initializer.remove(dense)
    proto.graph.node.insert(0, onnx.helper.make_node("Constant", [], ["dense"], value=dense))
    proto.opset_import[0].version = 12
    model = color_model()
    changed = modelfile.describe(proto.SerializeToString(), model.card)

    reduced = _reduce(ModelFile("m.onnx", model.card, changed), color_folders)

    assert weights_of(reduced.onnx)["dense_quantized"].dtype == np.int8
