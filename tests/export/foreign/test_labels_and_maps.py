"""What a foreign network calls its outputs: in maps in its own graph, in files, with a line for the background."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from click.testing import CliRunner, Result
from foreign_nets import SIDE, net
from onnx import ModelProto, TensorProto, helper

import edgecls
from edgecls.cli import main


def _images() -> npt.NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


# Maps in place of tensors


def _with_a_map(words: tuple[str, ...] = ()) -> ModelProto:
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
    (expected,) = plain.run(None, {"input": _images().astype(np.float32).transpose(0, 3, 1, 2)})
    found = edgecls.load(tmp_path / "m.onnx", "cpu").probabilities(_images())
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


def test_labels_next_to_a_foreign_network_are_found(tmp_path: Path, foreign_samples: Path) -> None:
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
    assert "is the background class, which is left out" in with_line.stderr
    assert with_it.card.labels == without_it.card.labels == ("a", "b")
    np.testing.assert_array_equal(with_it.probabilities(_images()), without_it.probabilities(_images()))


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
