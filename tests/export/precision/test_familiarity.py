"""Familiarity with fewer bits: its branch stays in float32, and the threshold keeps its meaning."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from color_network import color_images, color_model

from edgecls import modelfile
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import AccuracyBudgetError
from edgecls.export.familiarity.add import familiar_by_images
from edgecls.export.precision.familiarity import keep_familiarity
from edgecls.export.precision.recipe import RECIPES, Int8Recipe, ReducedPrecision
from edgecls.export.precision.reduce import ReducedModel, reduce_precision
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import check_answers
from edgecls.runtime.session import open_session

EVERY = {**RECIPES, "float16": None}


@pytest.fixture(scope="module")
def familiar() -> ModelFile:
    groups = np.repeat([0, 1, 2], 40)
    return familiar_by_images(color_model(class_activation=True), color_images(40), groups, range(120), [])


def _reduced(model: ModelFile, folder: Path, recipe: Int8Recipe | None) -> ReducedModel:
    return reduce_precision(model, read_dataset(folder), recipe=recipe, max_drop=0.5, seed=0, workers=2)


def _familiarity(model: ModelFile, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    found = open_session(model, Provider.CPU, intra_op_threads=1).run_all(images).familiarity
    assert found is not None
    return found


@pytest.mark.parametrize("recipe", EVERY.values(), ids=EVERY)
def test_decisions_and_golden_samples_stay(recipe: Int8Recipe | None, familiar: ModelFile, color_folders: Path) -> None:
    reduced = _reduced(familiar, color_folders, recipe)

    model = modelfile.model_from_bytes(reduced.onnx, name="reduced.onnx")
    session = open_session(model, Provider.CPU, intra_op_threads=1)
    assert all(result.passed for result in check_answers(model.card, session.run_all))
    assert familiar.card.familiarity is not None
    assert model.card.familiarity == familiar.card.familiarity
    assert reduced.familiarity is not None
    assert reduced.familiarity.same_decision > 0.9
    assert model.card.metrics["familiarity_same_decision"] == round(reduced.familiarity.same_decision, 6)
    tolerance = model.card.golden.familiarity_tolerance
    assert tolerance is not None
    images = color_images(20, seed=3)
    assert np.abs(_familiarity(model, images) - _familiarity(familiar, images)).mean() < tolerance


@pytest.mark.parametrize("recipe", EVERY.values(), ids=EVERY)
def test_its_branch_stays_in_float32(recipe: Int8Recipe | None, familiar: ModelFile, color_folders: Path) -> None:
    proto = onnx.load_from_string(_reduced(familiar, color_folders, recipe).onnx)

    onnx.checker.check_model(proto, full_check=True)
    kinds = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    assert kinds["familiarity_prototypes"] == onnx.TensorProto.INT8
    assert kinds["familiarity_scales"] == onnx.TensorProto.FLOAT
    branch = [node for node in proto.graph.node if node.output[0].startswith("familiarity")]
    assert {node.op_type for node in branch}.isdisjoint({"QuantizeLinear", "DequantizeLinear"})
    floats = {value.name: value for value in onnx.shape_inference.infer_shapes(proto).graph.value_info}
    inner = [name for node in branch for name in node.output if name in floats]
    assert inner
    assert {floats[name].type.tensor_type.elem_type for name in inner} == {onnx.TensorProto.FLOAT}


def test_a_shift_makes_up_for_what_lower_precision_loses(familiar: ModelFile) -> None:
    onnx_lower = onnx.load_from_string(familiar.onnx)
    for tensor in onnx_lower.graph.initializer:
        if tensor.name == "familiarity_one":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(0.95), tensor.name))

    kept = keep_familiarity(
        onnx_lower.SerializeToString(), familiar.onnx, familiar.card, color_images(20), ReducedPrecision.INT8
    )

    assert kept is not None
    assert kept.shift == pytest.approx(0.05, abs=1e-4)
    assert kept.same_decision == 1
    shifted = replace(familiar, onnx=kept.onnx)
    np.testing.assert_allclose(_familiarity(shifted, color_images()), _familiarity(familiar, color_images()), atol=1e-4)


def test_a_familiarity_that_is_lost_is_refused(familiar: ModelFile) -> None:
    golden = familiar.card.golden
    samples = tuple(replace(sample, familiarity=0.1) for sample in golden.samples)
    card = replace(familiar.card, golden=replace(golden, samples=samples))

    with pytest.raises(AccuracyBudgetError, match=r"judges familiarity .* off on golden samples, and 0\.1 is allowed"):
        keep_familiarity(familiar.onnx, familiar.onnx, card, color_images(20), ReducedPrecision.INT8)


def test_a_model_without_familiarity_gets_none(color_folders: Path) -> None:
    reduced = _reduced(color_model(), color_folders, None)

    assert reduced.familiarity is None
    assert reduced.card.familiarity is None
