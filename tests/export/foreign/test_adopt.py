"""Adopting ONNX classifiers of other programs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tf2onnx
from click.testing import CliRunner, Result
from foreign_nets import LABELS, SIDE, answer, net, save_with_external_weights, softmax
from onnx import TensorProto, helper, numpy_helper

import edgecls
from edgecls.cli import main
from edgecls.image_spec import Color, Fit, ImageSpec

TORCHVISION_MEAN = np.float32([0.485, 0.456, 0.406])
TORCHVISION_STD = np.float32([0.229, 0.224, 0.225])
CAFFE_MEAN_BGR = np.float32([103.939, 116.779, 123.68])

Prepare = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]


def _images(count: int, channels: int = 3) -> npt.NDArray[np.uint8]:
    """Images unlike those of the parity gate."""
    return np.random.default_rng(77).integers(0, 256, (count, SIDE, SIDE, channels), dtype=np.uint8)


def _torchvision(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return ((batch.astype(np.float32) / 255 - TORCHVISION_MEAN) / TORCHVISION_STD).transpose(0, 3, 1, 2)


def _caffe(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return (batch[..., ::-1].astype(np.float32) - CAFFE_MEAN_BGR).transpose(0, 3, 1, 2)


CASES: dict[str, tuple[dict[str, Any], list[object], Prepare]] = {
    "pytorch": ({}, ["--preset", "torchvision"], _torchvision),
    "pytorch-batch-of-1": ({"batch": 1, "flatten": (1, -1)}, ["--preset", "torchvision"], _torchvision),
    "pytorch-batch-of-4": ({"batch": 4, "flatten": (4, 6)}, ["--preset", "torchvision"], _torchvision),
    "free-in-name-only": ({"flatten": (1, 6)}, ["--preset", "torchvision"], _torchvision),
    "torchvision-by-numbers": (
        {},
        ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--color", "rgb"],
        _torchvision,
    ),
    "any-size": (
        {"size": ("h", "w")},
        ["--preset", "torchvision", "--image-size", SIDE],
        _torchvision,
    ),
    "tensorflow": (
        {"layout": "nhwc", "ending": "Softmax"},
        ["--preset", "tensorflow"],
        lambda batch: batch.astype(np.float32) / 127.5 - 1,
    ),
    "keras-raw": (
        {"layout": "nhwc", "gain": 1 / 255, "ending": "Softmax"},
        ["--preset", "none"],
        lambda batch: batch.astype(np.float32),
    ),
    "uint8-nhwc": ({"layout": "nhwc", "element_type": "uint8", "gain": 1 / 255}, [], lambda batch: batch),
    "uint8-nchw": (
        {"element_type": "uint8", "gain": 1 / 255, "ending": "Softmax"},
        [],
        lambda batch: np.ascontiguousarray(batch.transpose(0, 3, 1, 2)),
    ),
    "uint8-nhwc-bgr": (
        {"layout": "nhwc", "element_type": "uint8", "gain": 1 / 255},
        ["--color", "bgr"],
        lambda batch: np.ascontiguousarray(batch[..., ::-1]),
    ),
    "caffe": ({"gain": 1 / 255}, ["--preset", "caffe"], _caffe),
    "caffe-by-numbers": (
        {"gain": 1 / 255},
        ["--pixel-range", 0, 255, "--mean", "103.939,116.779,123.68", "--color", "bgr"],
        _caffe,
    ),
    "gray": (
        {"channels": 1, "gain": 0.1},
        ["--mean", "0.1307", "--std", "0.3081"],
        lambda batch: ((batch.astype(np.float32) / 255 - 0.1307) / 0.3081).transpose(0, 3, 1, 2),
    ),
    "old-format": ({"opset": 7, "ir_version": 3}, ["--preset", "torchvision"], _torchvision),
    "names-of-ours": (
        {"input_name": "probabilities", "output_name": "image", "inner_name": "edgecls_input"},
        ["--preset", "torchvision"],
        _torchvision,
    ),
    "names-taken-inside": ({"inner_name": "image"}, ["--preset", "torchvision"], _torchvision),
    "same-names-as-ours": (
        {
            "input_name": "image",
            "output_name": "probabilities",
            "layout": "nhwc",
            "element_type": "uint8",
            "ending": "Softmax",
            "gain": 1 / 255,
        },
        [],
        lambda batch: batch,
    ),
}


@pytest.mark.parametrize(("habits", "options", "prepare"), CASES.values(), ids=CASES)
def test_the_model_file_answers_like_the_original_pipeline(
    tmp_path: Path, adopt: Callable[..., Result], habits: dict[str, Any], options: list[object], prepare: Prepare
) -> None:
    model = net(**habits)
    images = _images(5, habits.get("channels", 3))
    at_once = habits.get("batch", 1)
    scores = answer(model, prepare(images), at_once=at_once if isinstance(at_once, int) else 1)
    expected = scores if habits.get("ending") else softmax(scores)

    done = adopt(model, *options)

    assert done.exit_code == 0, done.output
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    for batch in (images[:1], images[:2], images):
        np.testing.assert_allclose(classifier.probabilities(batch), expected[: len(batch)], rtol=0, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01  # else any network would pass
    assert all(result.passed for result in classifier.verify())
    assert classifier.card.labels == LABELS
    color = Color.GRAY if habits.get("channels") == 1 else Color.RGB
    assert classifier.card.image == ImageSpec(SIDE, SIDE, color, Fit.CROP)


def test_halves_stay_halves(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    model = net(element_type="float16")
    images = _images(4)

    done = adopt(model, "--preset", "torchvision")

    assert done.exit_code == 0, done.output
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    expected = softmax(answer(model, _torchvision(images).astype(np.float16)))
    np.testing.assert_allclose(classifier.probabilities(images), expected, rtol=0, atol=1e-3)
    assert classifier.card.precision == "float16"


@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize("ending", ["", "Softmax"])
def test_a_background_class_is_left_out_and_the_rest_sums_to_1(
    tmp_path: Path, adopt: Callable[..., Result], where: str, ending: str
) -> None:
    model = net(outputs=4, ending=ending)
    images = _images(5)
    scores = answer(model, _torchvision(images))
    probabilities = scores if ending else softmax(scores)
    kept = probabilities[:, 1:] if where == "first" else probabilities[:, :-1]

    done = adopt(model, "--preset", "torchvision", "--background-class", where)

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(images)
    np.testing.assert_allclose(found, kept / kept.sum(axis=1, keepdims=True), rtol=0, atol=1e-5)
    assert f"the {where} of 4 outputs was left out" in done.stderr


def test_a_background_that_takes_all_leaves_the_labels_alike_and_no_nan(
    tmp_path: Path, adopt: Callable[..., Result]
) -> None:
    model = net(outputs=4, ending="Softmax")
    bias = next(one for one in model.graph.initializer if one.name == "bias")
    bias.CopyFrom(numpy_helper.from_array(np.float32([900, 0, 0, 0]), "bias"))

    done = adopt(model, "--preset", "torchvision", "--background-class", "first")

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_images(3))
    np.testing.assert_allclose(found, 1 / 3, rtol=1e-6)


def test_a_background_class_with_a_label_of_its_own_is_a_label(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    (tmp_path / "four.txt").write_text("background\na\nb\nc\n", encoding="utf-8")

    done = adopt(net(outputs=4), "--preset", "torchvision", "--labels", tmp_path / "four.txt")

    assert done.exit_code == 0, done.output
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels == ("background", "a", "b", "c")


def test_a_keras_network_that_tf2onnx_exported(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(pixels)
    flat = keras.layers.Flatten()(keras.layers.BatchNormalization()(features))
    model = keras.Model(pixels, keras.layers.Dense(3, activation="softmax")(flat))
    tf2onnx.convert.from_keras(model, opset=15, output_path=str(tmp_path / "keras.onnx"))
    images = _images(5)

    done = adopt(tmp_path / "keras.onnx", "--preset", "tensorflow")

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(images)
    expected = model.predict(images.astype(np.float32) / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_file_tells_where_it_came_from_and_the_command_what_it_found(
    tmp_path: Path, adopt: Callable[..., Result]
) -> None:
    done = adopt(net(batch=1, flatten=(1, -1)), "--preset", "torchvision", "--architecture", "小网 v1")

    assert "input 'input': float32, nchw, rgb; images 12x12 rgb, crop" in done.stderr
    assert "output 'output': logits; a softmax was added" in done.stderr
    assert "batch: was fixed to 1, is free now" in done.stderr
    assert re.search(r"sample 红 roses/照片 00\.png: \S+ \S+ \d\.\d{3}\n", done.stderr)
    assert re.search(r"^model file against original: largest difference .*\nwrote ", done.stdout)
    card = edgecls.load(tmp_path / "m.onnx", "cpu").card
    assert (card.name, card.architecture) == ("foreign", "小网 v1")
    assert card.training["producer"] == "朋友 1.0"
    assert card.training["pixels"] == "from 0 to 1, minus 0.485, 0.456, 0.406, over 0.229, 0.224, 0.225"


def test_the_adopted_file_runs_like_any_other(
    tmp_path: Path, adopt: Callable[..., Result], foreign_samples: Path
) -> None:
    adopt(net(), "--preset", "torchvision")

    done = CliRunner().invoke(main, ["run", "-m", str(tmp_path / "m.onnx"), str(foreign_samples)])
    again = adopt(tmp_path / "m.onnx", "--preset", "torchvision")

    assert done.exit_code == 0, done.output
    assert again.exit_code == 1
    assert "describes itself already" in again.stderr


def test_hot_path_has_no_needless_nodes(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    adopt(net(layout="nhwc", element_type="uint8", ending="Softmax", gain=1 / 255))
    bare = onnx.load(tmp_path / "m.onnx").graph
    adopt(net(), "--preset", "tensorflow")
    scaled = onnx.load(tmp_path / "m.onnx").graph

    assert [node.op_type for node in bare.node][:3] == ["Cast", "Transpose", "Conv"]  # its own
    assert [node.op_type for node in scaled.node][:5] == ["Transpose", "Cast", "Mul", "Add", "Conv"]
    assert bare.input[0].type.denotation == "IMAGE"


# External weights


def test_external_weights_are_included(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    path = save_with_external_weights(tmp_path)
    images = _images(3)

    done = adopt(path, "--preset", "torchvision")
    (path.parent / "net.data").unlink()

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(images)
    np.testing.assert_allclose(found, softmax(answer(net(), _torchvision(images))), rtol=0, atol=1e-5)


# Graphs with more than one way out, and with graphs inside


def test_outputs_that_nothing_needs_are_dropped_with_what_leads_to_them(
    tmp_path: Path, adopt: Callable[..., Result]
) -> None:
    model = net()
    model.graph.node.append(helper.make_node("Mul", ["active", "useless"], ["heat"]))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "useless"))
    model.graph.output.append(helper.make_tensor_value_info("heat", TensorProto.FLOAT, ["batch", 6, 5, 5]))

    done = adopt(model, "--preset", "torchvision")

    assert done.exit_code == 0, done.output
    graph = onnx.load(tmp_path / "m.onnx").graph
    assert [value.name for value in graph.output] == ["probabilities", "class_activation"]
    assert "useless" not in {weight.name for weight in graph.initializer}


def test_of_two_outputs_that_fit_one_has_to_be_named(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    model = net(ending="Softmax")
    model.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3]))

    unclear = adopt(model, "--preset", "torchvision")
    wrong = adopt(model, "--preset", "torchvision", "--output-name", "score")
    named = adopt(model, "--preset", "torchvision", "--output-name", "scores")

    assert (unclear.exit_code, "'output', 'scores'; say which one to use with --output-name" in unclear.stderr) == (
        1,
        True,
    )
    assert (wrong.exit_code, "has no output 'score'; it has 'output', 'scores'" in wrong.stderr) == (1, True)
    assert named.exit_code == 0, named.output
    assert "output 'scores': logits" in named.stderr


def test_graphs_inside_nodes_see_renamed_tensors(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    model = net(inner_name="image")

    def branch(name: str) -> onnx.GraphProto:
        weight = numpy_helper.from_array(np.float32([2 if name == "then" else 3]), "inner_weight")
        return helper.make_graph(
            [helper.make_node("Mul", ["image", "inner_weight"], ["probabilities"])],
            name,
            [],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)],
            [weight],
        )

    node = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch("then"), else_branch=branch("else"))
    model.graph.node.insert(1, node)
    model.graph.node[2].input[0] = "chosen"
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    images = _images(4)

    done = adopt(model, "--preset", "torchvision")

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(images)
    np.testing.assert_allclose(found, softmax(answer(model, _torchvision(images))), rtol=0, atol=1e-5)


def test_scores_with_empty_dimensions_behind_them(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    model = net()
    model.graph.node[-1].output[0] = "rows"
    model.graph.node.append(helper.make_node("Unsqueeze", ["rows", "behind"], ["output"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2, 3], np.int64), "behind"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 3, 1, 1]))
    images = _images(3)

    done = adopt(model, "--preset", "torchvision")

    assert done.exit_code == 0, done.output
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(images)
    np.testing.assert_allclose(found, softmax(answer(model, _torchvision(images))), rtol=0, atol=1e-5)
