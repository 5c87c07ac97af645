"""Networks that give whole numbers, as quantized TensorFlow Lite classifiers do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from click.testing import CliRunner, Result
from foreign_nets import SIDE, net, softmax
from onnx import ModelProto, TensorProto, helper, numpy_helper

import edgecls
from edgecls.cli import main
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


def _real(model: ModelProto, pictures: npt.NDArray[Any], scale: float, zero_point: int) -> npt.NDArray[np.float64]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(["output"], {"input": pictures})
    return (np.asarray(scores, np.float64) - zero_point) * scale


def _pictures() -> npt.NDArray[np.uint8]:
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
    real = _real(model, _pictures(), scale, zero_point)
    found = edgecls.load(tmp_path / "m.onnx", "cpu")
    np.testing.assert_allclose(found.probabilities(_pictures()), real / real.sum(axis=1, keepdims=True), atol=1e-6)
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
    expected = softmax(_real(model, _pictures(), scale, zero_point))
    np.testing.assert_allclose(edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_pictures()), expected, atol=1e-6)


def test_a_network_of_whole_numbers_on_both_ends_is_adopted(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    scale, zero_point = PROBABILITIES["int8"]
    model = _quantized(scale, zero_point, kind="int8", takes="int8", ending="Softmax")

    done = adopt(model)

    assert done.exit_code == 0, done.output
    assert "pixels: minus 128" in done.stderr
    real = _real(model, (_pictures().astype(np.int16) - 128).astype(np.int8), scale, zero_point)
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_pictures())
    np.testing.assert_allclose(found, real / real.sum(axis=1, keepdims=True), atol=1e-6)


def test_whole_numbers_with_a_background_class_leave_it_out(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    scale, zero_point = PROBABILITIES["uint8"]
    model = _quantized(scale, zero_point, ending="Softmax", outputs=4)

    done = adopt(model, "--background-class", "first")

    assert done.exit_code == 0, done.output
    real = _real(model, _pictures(), scale, zero_point)[:, 1:]
    expected = (real + 1e-30) / (real + 1e-30).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_pictures()), expected, atol=1e-6)


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


# Maps in place of tensors


def _with_a_map(words: tuple[str, ...] = (), *, channel: str = "") -> ModelProto:
    """A label and a map from labels to probabilities: as Custom Vision and scikit-learn's converter write."""
    model = net(ending="Softmax")
    keys: dict[str, Any] = {"classlabels_strings": list(words)} if words else {"classlabels_int64s": [0, 1, 2]}
    nodes = [
        helper.make_node("ZipMap", ["output"], ["loss"], domain="ai.onnx.ml", **keys),
        helper.make_node("ArgMax", ["output"], ["classLabel"], axis=1, keepdims=0),
    ]
    model.graph.node.extend(nodes)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("classLabel", TensorProto.INT64, ["batch"]))
    key_type = TensorProto.STRING if words else TensorProto.INT64
    entry = helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    model.graph.output.append(helper.make_value_info("loss", helper.make_sequence_type_proto(entry)))
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    return model


@pytest.mark.parametrize("words", [(), ("a", "b", "c")], ids=["numbers", "words"])
def test_the_scores_before_a_map_are_taken(
    tmp_path: Path, adopt: Callable[..., Result], words: tuple[str, ...]
) -> None:
    done = adopt(_with_a_map(words), "--preset", "none")

    assert done.exit_code == 0, done.output
    plain = onnxruntime.InferenceSession(net(ending="Softmax").SerializeToString(), providers=["CPUExecutionProvider"])
    (expected,) = plain.run(None, {"input": _pictures().astype(np.float32).transpose(0, 3, 1, 2)})
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_pictures())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def _adopt_alone(tmp_path: Path, model: ModelProto, samples: Path, *options: object) -> Result:
    (tmp_path / "foreign.onnx").write_bytes(model.SerializeToString())
    given = [tmp_path / "foreign.onnx", "-o", tmp_path / "m.onnx", "--samples", samples, "--preset", "none", *options]
    return CliRunner().invoke(main, ["adopt", *map(str, given)])


def test_a_map_names_the_labels(tmp_path: Path, foreign_samples: Path) -> None:
    done = _adopt_alone(tmp_path, _with_a_map(("猫", "dog", "bird")), foreign_samples)

    assert done.exit_code == 0, done.output
    assert "labels: the 3 that the file names its outputs with" in done.stderr
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels == ("猫", "dog", "bird")


def test_labels_in_another_order_than_the_map_has_them_are_refused(tmp_path: Path, foreign_samples: Path) -> None:
    (tmp_path / "names.txt").write_text("dog\n猫\nbird\n", encoding="utf-8")

    done = _adopt_alone(
        tmp_path, _with_a_map(("猫", "dog", "bird")), foreign_samples, "--labels", tmp_path / "names.txt"
    )

    assert done.exit_code == 1
    assert "in another order than the labels given: '猫', 'dog', 'bird'" in done.stderr


# Labels


def test_labels_beside_a_foreign_network_are_found(tmp_path: Path, foreign_samples: Path) -> None:
    (tmp_path / "labels.txt").write_text("0 猫\r\n1 dog\r\n2 bird\r\n", encoding="utf-8")

    done = _adopt_alone(tmp_path, net(), foreign_samples)

    assert done.exit_code == 0, done.output
    assert "'0 猫' is '猫'" in done.stderr
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels == ("猫", "dog", "bird")


def test_labels_that_are_nowhere_are_asked_for(tmp_path: Path, foreign_samples: Path) -> None:
    done = _adopt_alone(tmp_path, net(), foreign_samples)

    assert done.exit_code == 1
    assert "does not say its labels; give them with --labels FILE" in done.stderr


def test_a_label_that_stands_twice_is_named_and_can_be_numbered(tmp_path: Path, foreign_samples: Path) -> None:
    (tmp_path / "names.txt").write_text("crane\nlorry\ncrane\n", encoding="utf-8")
    options = ("--labels", tmp_path / "names.txt")

    refused = _adopt_alone(tmp_path, net(), foreign_samples, *options)
    done = _adopt_alone(tmp_path, net(), foreign_samples, *options, "--number-duplicates")

    assert refused.exit_code == 1
    assert "'crane' (lines 1 and 3)" in refused.stderr
    assert done.exit_code == 0, done.output
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels == ("crane (0)", "lorry", "crane (2)")


@pytest.mark.parametrize(
    ("place", "lines"),
    [
        ("first", ["background", "a", "b"]),
        ("first", ["背景", "a", "b"]),
        ("last", ["a", "b", "__background__"]),
        ("last", ["a", "b", "Other"]),
    ],
)
def test_the_background_class_may_have_its_line_in_the_labels(
    tmp_path: Path, foreign_samples: Path, place: str, lines: list[str]
) -> None:
    (tmp_path / "names.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "short.txt").write_text("a\nb\n", encoding="utf-8")
    options = ("--background-class", place, "--labels")

    with_line = _adopt_alone(tmp_path, net(), foreign_samples, *options, tmp_path / "names.txt")
    with_it = edgecls.load(tmp_path / "m.onnx", "cpu")
    without_line = _adopt_alone(tmp_path, net(), foreign_samples, *options, tmp_path / "short.txt")
    without_it = edgecls.load(tmp_path / "m.onnx", "cpu")

    assert with_line.exit_code == without_line.exit_code == 0, with_line.output
    assert "is taken for the background class, which is left out" in with_line.stderr
    assert with_it.card.labels == without_it.card.labels == ("a", "b")
    np.testing.assert_array_equal(with_it.probabilities(_pictures()), without_it.probabilities(_pictures()))


def test_a_label_in_the_place_of_the_background_that_is_none_is_not_dropped(
    tmp_path: Path, foreign_samples: Path
) -> None:
    (tmp_path / "names.txt").write_text("a\nb\nc\n", encoding="utf-8")

    done = _adopt_alone(
        tmp_path, net(), foreign_samples, "--background-class", "last", "--labels", tmp_path / "names.txt"
    )

    assert done.exit_code == 1
    assert "if the label 'c' stands for the background class, call it 'background'" in done.stderr


# --check


def test_a_check_refuses_a_network_whose_pixels_are_prepared_otherwise(
    tmp_path: Path, adopt: Callable[..., Result], foreign_samples: Path
) -> None:
    fine = adopt(net(), "--preset", "torchvision", "--check", foreign_samples, "--min-accuracy", 0)
    (tmp_path / "m.onnx").unlink()
    refused = adopt(net(), "--preset", "torchvision", "--check", foreign_samples, "--min-accuracy", 1)

    assert fine.exit_code == 0, fine.output
    assert "check: accuracy 0" in fine.stdout
    assert refused.exit_code == 1
    assert "so no file was written" in refused.stderr
    assert not (tmp_path / "m.onnx").exists()
