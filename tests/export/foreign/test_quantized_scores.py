"""Networks that give whole numbers, as quantized TensorFlow Lite classifiers do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from click.testing import Result
from foreign_nets import SIDE, net, softmax
from onnx import ModelProto, TensorProto, helper, numpy_helper

import edgecls
from edgecls.export.foreign.integer_scores import find_quantization
from edgecls.export.foreign.pipeline import Quantization

TYPES = {"uint8": (TensorProto.UINT8, np.uint8), "int8": (TensorProto.INT8, np.int8)}
PROBABILITIES = {"uint8": (1 / 256, 0), "int8": (1 / 256, -128)}
LOGITS = {"uint8": (0.02, 131), "int8": (0.02, 3)}


def _quantized(
    scale: float, zero_point: int, *, kind: str = "uint8", takes: str = "uint8", reshaped: bool = False, **habits: Any
) -> ModelProto:
    """Return a network whose scores are rounded to 8 bits, behind a Reshape or not; with int8, pixels are minus 128."""
    model = net(layout="nhwc", element_type="uint8", gain=1 / 100, **habits)
    number, dtype = TYPES[kind]
    graph = model.graph
    graph.node[-1].output[0] = "real"
    graph.initializer.append(numpy_helper.from_array(np.float32(scale), "scale"))
    graph.initializer.append(numpy_helper.from_array(dtype(zero_point), "zero_point"))
    rounded = "rounded" if reshaped else "output"
    graph.node.append(helper.make_node("QuantizeLinear", ["real", "scale", "zero_point"], [rounded]))
    if reshaped:
        graph.initializer.append(numpy_helper.from_array(np.array([-1, 3], np.int64), "rows"))
        graph.node.append(helper.make_node("Reshape", ["rounded", "rows"], ["output"]))
    graph.output[0].type.tensor_type.elem_type = number
    if takes == "int8":
        graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
        graph.initializer.append(numpy_helper.from_array(np.float32(128), "middle"))
        graph.node[0].output[0] = "signed"
        graph.node.insert(1, helper.make_node("Add", ["signed", "middle"], ["floats"]))
    return model


def _real(model: ModelProto, images: npt.NDArray[Any], scale: float, zero_point: int) -> npt.NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(["output"], {"input": images})
    return (np.asarray(scores, np.float64) - zero_point) * scale


def _images() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("reshaped", [False, True], ids=["at-the-end", "before-a-reshape"])
@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_probabilities_in_whole_numbers_are_read_and_brought_to_a_sum_of_1(
    tmp_path: Path, adopt: Callable[..., Result], kind: str, reshaped: bool
) -> None:
    scale, zero_point = PROBABILITIES[kind]
    model = _quantized(scale, zero_point, kind=kind, reshaped=reshaped, ending="Softmax")

    done = adopt(model)

    assert done.exit_code == 0, done.output
    assert f"output 'output': {kind}, (number - {zero_point}) * 0.00390625" in done.stderr
    assert "output 'output': probabilities; divided by their sum" in done.stderr
    real = _real(model, _images(), scale, zero_point)
    found = edgecls.load(tmp_path / "m.onnx", "cpu")
    np.testing.assert_allclose(found.probabilities(_images()), real / real.sum(axis=1, keepdims=True), atol=1e-6)
    assert found.card.training["output_quantization"] == f"scale 0.00390625, zero point {zero_point}"


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_logits_in_whole_numbers_get_their_scale_and_a_softmax(
    tmp_path: Path, adopt: Callable[..., Result], kind: str
) -> None:
    scale, zero_point = LOGITS[kind]
    model = _quantized(scale, zero_point, kind=kind)

    done = adopt(model)

    assert done.exit_code == 0, done.output
    assert "output 'output': logits; a softmax was added" in done.stderr
    expected = softmax(_real(model, _images(), scale, zero_point))
    np.testing.assert_allclose(edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_images()), expected, atol=1e-6)


def test_a_network_of_whole_numbers_on_both_ends_is_adopted(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    scale, zero_point = PROBABILITIES["int8"]
    model = _quantized(scale, zero_point, kind="int8", takes="int8", ending="Softmax")

    done = adopt(model)

    assert done.exit_code == 0, done.output
    assert "pixels: minus 128" in done.stderr
    real = _real(model, (_images().astype(np.int16) - 128).astype(np.int8), scale, zero_point)
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_images())
    np.testing.assert_allclose(found, real / real.sum(axis=1, keepdims=True), atol=1e-6)


def test_whole_numbers_with_a_background_class_leave_it_out(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    scale, zero_point = PROBABILITIES["uint8"]
    model = _quantized(scale, zero_point, ending="Softmax", outputs=4)

    done = adopt(model, "--background-class", "first")

    assert done.exit_code == 0, done.output
    real = _real(model, _images(), scale, zero_point)[:, 1:]
    expected = (real + 1e-30) / (real + 1e-30).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_images()), expected, atol=1e-6)


def _with_a_cast() -> ModelProto:
    """Whole numbers, and nothing in the graph that says of what."""
    model = net(layout="nhwc", element_type="uint8", gain=1 / 100, ending="Softmax")
    model.graph.node[-1].output[0] = "real"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(255), "most"))
    model.graph.node.append(helper.make_node("Mul", ["real", "most"], ["large"]))
    model.graph.node.append(helper.make_node("Cast", ["large"], ["output"], to=TensorProto.UINT8))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    return model


def test_whole_numbers_that_say_nothing_are_asked_about(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    refused = adopt(_with_a_cast())
    done = adopt(_with_a_cast(), "--output-quantization", 1 / 255, 0)

    assert refused.exit_code == 1
    assert re.search(r"whole numbers \(uint8\).*--output-quantization SCALE ZERO_POINT", refused.stderr)
    assert done.exit_code == 0, done.output


def test_a_sigmoid_for_each_label_is_no_distribution_in_whole_numbers_either(adopt: Callable[..., Result]) -> None:
    done = adopt(_quantized(1 / 256, 0, ending="Sigmoid"))

    assert done.exit_code == 1
    assert "perhaps a sigmoid for each label" in done.stderr


@pytest.mark.parametrize(
    ("operator", "places"),
    [("QLinearMatMul", (6, 7)), ("QLinearSoftmax", (3, 4)), ("QGemm", (7, 8)), ("QLinearConcat", (0, 1))],
)
def test_scale_and_zero_point_are_found_at_operators_of_whole_numbers(operator: str, places: tuple[int, int]) -> None:
    inputs = [f"in{index}" for index in range(9)]
    inputs[places[0]], inputs[places[1]] = "scale", "zero"
    scale = helper.make_node("Constant", [], ["scale"], value=numpy_helper.from_array(np.float32([0.5])))
    nodes = [scale, helper.make_node(operator, inputs, ["rows"]), helper.make_node("Identity", ["rows"], ["y"])]
    zero = numpy_helper.from_array(np.uint8(7), "zero")
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], [zero]))

    assert find_quantization(model, "y") == Quantization(0.5, 7)
