"""The int8 network: what of it is int8, in the file and once onnxruntime has optimised it."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from color_network import LAYERS, color_images, color_model, color_onnx, run_onnx, weights_of
from onnx import TensorProto, helper

from edgecls import modelfile
from edgecls.export.precision.float_network import FloatNetwork, read_float_network
from edgecls.export.precision.int8_graph import CalibrationMethod, Ranges, int8_onnx, observe_extremes, ranges_from
from edgecls.export.precision.recipe import RECIPES
from edgecls.modelfile import ModelFile


def _optimized_kinds(network: bytes, folder: Path) -> Counter[str]:
    """Return the kinds of nodes that onnxruntime really runs, on a processor that takes int8 activations too."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_the_layers_are_found_in_their_order(network: FloatNetwork) -> None:
    kinds = {node.name: node.op_type for node in network.proto.graph.node}

    assert tuple(kinds[layer] for layer in network.layers) == LAYERS
    assert [kinds[name] for names in network.activations.values() for name in names] == ["Relu"]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=str)
def test_every_layer_is_int8_where_it_runs(
    recipe: object, network: FloatNetwork, ranges: Ranges, tmp_path: Path
) -> None:
    kinds = _optimized_kinds(int8_onnx(network, network.layers, ranges, recipe), tmp_path)  # type: ignore[arg-type]

    assert (kinds["QLinearConv"], kinds["QLinearAdd"], kinds["QLinearMatMul"]) == (3, 1, 1)
    # That of the other output stays; so does the addition of the bias.
    assert (kinds["Conv"] + kinds["FusedConv"], kinds["Add"], kinds["Relu"], kinds["Pad"]) == (1, 1, 0, 0)


@pytest.mark.parametrize("output", ["probabilities", "class_activation"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=str)
def test_all_outputs_answer_nearly_as_before(
    recipe: object, output: str, network: FloatNetwork, ranges: Ranges
) -> None:
    images = color_images(seed=9)
    reduced = int8_onnx(network, network.layers, ranges, recipe)  # type: ignore[arg-type]

    found, expected = run_onnx(reduced, images, output), run_onnx(network.onnx, images, output)

    # Bytes have steps of 1/255 of the range; seen: 0.008 at most.
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.03)
    assert found.shape == expected.shape


@pytest.mark.parametrize(
    ("name", "activations", "largest_weight"),
    [("x86-vnni", np.uint8, 127), ("x86", np.uint8, 64), ("arm", np.int8, 127)],
)
def test_the_recipe_decides_the_number_formats(
    name: str, activations: type[np.generic], largest_weight: int, network: FloatNetwork, ranges: Ranges
) -> None:
    reduced = int8_onnx(network, network.layers, ranges, RECIPES[name])
    weights = weights_of(reduced)

    dense = weights["dense_quantized"]
    assert (dense.dtype, int(np.abs(dense).max())) == (np.int8, largest_weight)
    assert weights["sum_zero_point"].dtype == activations
    assert weights["first_scale"].shape == (4,)  # one for each channel


@pytest.mark.parametrize("tensor", ["one", "positive", "sum"])
def test_a_tensor_between_the_layers_may_be_an_output_too(tensor: str) -> None:
    proto = onnx.load_from_string(color_onnx())
    proto.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["N", None, 8, 8]))
    card = color_model().card
    model = ModelFile("m.onnx", card, modelfile.describe(proto.SerializeToString(), card))
    with_output, images = read_float_network(model), color_images(seed=9)
    ranges = ranges_from(observe_extremes(with_output, images, workers=1), CalibrationMethod.MIN_MAX)

    reduced = int8_onnx(with_output, with_output.layers, ranges, RECIPES["x86-vnni"])

    for name in (tensor, "probabilities"):
        found, expected = run_onnx(reduced, images, name), run_onnx(model.onnx, images, name)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.03)


def test_what_only_leads_to_another_output_keeps_its_weights(network: FloatNetwork, ranges: Ranges) -> None:
    weights = weights_of(int8_onnx(network, network.layers, ranges, RECIPES["x86-vnni"]))

    assert weights["of_labels"].dtype == np.float32


def test_layers_that_are_left_out_keep_their_weights(network: FloatNetwork, ranges: Ranges) -> None:
    weights = weights_of(int8_onnx(network, network.layers[1:], ranges, RECIPES["x86-vnni"]))

    assert weights["first"].dtype == np.float32
    assert weights["second_quantized"].dtype == np.int8


def test_nothing_is_left_in_the_file_that_only_the_quantiser_needs(network: FloatNetwork, ranges: Ranges) -> None:
    proto = onnx.load_from_string(int8_onnx(network, network.layers, ranges, RECIPES["x86-vnni"]))

    assert (len(proto.metadata_props), len(proto.graph.value_info)) == (0, 0)
    assert not any(node.name for node in proto.graph.node)
    onnx.checker.check_model(proto)


def test_the_float_network_itself_stays_as_it_is(network: FloatNetwork, ranges: Ranges) -> None:
    before = network.onnx

    int8_onnx(network, network.layers, ranges, RECIPES["x86-vnni"])

    assert network.onnx == before
