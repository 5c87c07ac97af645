"""Networks that cannot be adopted, and what is said about them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import Result
from foreign_nets import LABELS, SIDE, net, save_with_external_weights
from onnx import ModelProto, TensorProto, helper, numpy_helper

import edgecls
from edgecls.errors import ParityError
from edgecls.export.foreign.adopt import adopt_file
from edgecls.export.foreign.facts import StatedPipeline
from edgecls.export.pixel_scaling import PRESETS


def _with_two_inputs() -> ModelProto:
    model = net()
    model.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1]))
    return model


def _with_a_squeezed_end() -> ModelProto:
    """Only rows without a batch in the middle: no rewriting of shapes helps."""
    model = net(batch=1, flatten=(6,))
    model.graph.node[-1].input[0] = "row"
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Unsqueeze", ["flat", "front"], ["row"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "front"))
    return model


def _with_flat_input() -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"])],
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _with_nan() -> ModelProto:
    model = net()
    bias = next(one for one in model.graph.initializer if one.name == "bias")
    bias.CopyFrom(numpy_helper.from_array(np.float32([0, np.nan, 0]), "bias"))
    return model


PRESET = ["--preset", "torchvision"]
REFUSED: dict[str, tuple[Callable[[], ModelProto | bytes], list[object], str]] = {
    "empty": (lambda: b"", PRESET, "it holds no network"),
    "no-onnx": (lambda: b"\xff\xd8\xff\xe0 a JPEG", PRESET, "get a fresh copy"),
    "cut": (lambda: net().SerializeToString()[:-200], PRESET, "get a fresh copy"),
    "damaged-inside": (
        lambda: net().SerializeToString().replace(b"GlobalAveragePool", b"GlobalAveragePoof"),
        PRESET,
        "onnxruntime cannot load",
    ),
    "two-inputs": (_with_two_inputs, PRESET, r"one input, this network has 2: 'input', 'mask'"),
    "no-images": (_with_flat_input, PRESET, r"must be a batch of images with 4 dimensions.* float with 2"),
    "too-old": (lambda: net(opset=6), PRESET, "older than opset 7"),
    "too-new": (lambda: net(opset=999), PRESET, "onnxruntime cannot load"),
    "four-channels": (lambda: net(channels=4), [*PRESET, "--layout", "nchw"], r"has 4 channel\(s\) as nchw"),
    "gray-as-rgb": (lambda: net(channels=1), [*PRESET, "--color", "rgb"], r"1 channel\(s\) as nchw, rgb has 3"),
    "unclear-layout": (lambda: net(size=(SIDE, 3)), PRESET, "cannot tell the order of dimensions.*--layout"),
    "any-size": (lambda: net(size=("h", "w")), PRESET, "--image-size"),
    "other-size": (lambda: net(), [*PRESET, "--image-size", "20"], r"takes images of 12 x 12 .* not 20 x 20"),
    "no-scaling": (lambda: net(), [], "does not say how pixels are scaled for it.*--preset torchvision"),
    "scaled-uint8": (
        lambda: net(layout="nhwc", element_type="uint8"),
        PRESET,
        r"takes pixels as they are \(uint8\)",
    ),
    "three-means-for-gray": (lambda: net(channels=1), PRESET, r"3 numbers of mean do not fit 1 channel"),
    "std-zero": (lambda: net(), ["--std", "0"], "std must be above 0"),
    "empty-range": (lambda: net(), ["--pixel-range", "1", "1"], "the pixel range 1 1 is empty"),
    "more-outputs": (
        lambda: net(outputs=5),
        PRESET,
        r"3 labels need an output of floats of shape \(N, 3\).*\(any, 5\)",
    ),
    "one-more-output": (lambda: net(outputs=4), PRESET, "--background-class first or last"),
    "no-background": (lambda: net(), [*PRESET, "--background-class", "last"], r"3 labels and a background class need"),
    "sigmoid": (lambda: net(ending="Sigmoid"), PRESET, "perhaps a sigmoid"),
    "logits-called-probabilities": (lambda: net(), [*PRESET, "--scores", "probabilities"], "is no probabilities"),
    "probabilities-called-logits": (
        lambda: net(ending="Softmax"),
        [*PRESET, "--scores", "logits"],
        "is probabilities already",
    ),
    "nan": (_with_nan, PRESET, "gives NaN or infinity"),
    "batch-for-good": (_with_a_squeezed_end, PRESET, r"takes 1 image\(s\) at a time.*dynamic_axes"),
}


@pytest.mark.parametrize(("make", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_adopted_is_refused_with_the_reason(
    tmp_path: Path,
    adopt: Callable[..., Result],
    make: Callable[[], ModelProto | bytes],
    options: list[object],
    message: str,
) -> None:
    (tmp_path / "m.onnx").write_bytes(b"older")

    done = adopt(make(), *options)

    assert done.exit_code == 1, done.output
    assert re.search(message, done.stderr), done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "m.onnx").read_bytes() == b"older"


def test_weights_that_are_not_there_are_asked_for(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    path = save_with_external_weights(tmp_path)
    (path.parent / "net.data").unlink()

    done = adopt(path, "--preset", "torchvision")

    assert done.exit_code == 1
    assert "its weights in 'net.data' cannot be read" in done.stderr
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("location", ["../secret.data", "/etc/hostname"])
def test_weights_from_elsewhere_are_not_read(tmp_path: Path, adopt: Callable[..., Result], location: str) -> None:
    path = save_with_external_weights(tmp_path)
    (path.parent / "net.data").rename(tmp_path / "secret.data")
    model = onnx.load(path, load_external_data=False)
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())

    done = adopt(path, "--preset", "torchvision")

    assert done.exit_code == 1
    assert f"its weights in '{location}' cannot be read" in done.stderr


def test_more_weights_than_one_file_holds_are_refused_unread(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    path = save_with_external_weights(tmp_path)
    with open(path.parent / "net.data", "r+b") as stream:
        stream.truncate(3 * 10**9)  # a hole: it takes no room

    done = adopt(path, *PRESET)

    assert done.exit_code == 1
    assert "with its weights it has 3000 MB, one ONNX file holds at most 2000 MB" in done.stderr


def test_a_difference_beyond_the_bound_leaves_no_file(tmp_path: Path, adopt: Callable[..., Result]) -> None:
    done = adopt(net(), *PRESET, "--max-difference", "0")

    assert done.exit_code == 1
    assert re.search(
        r"largest difference \S+ \(image '.*', batch of \d, label '.*'\)?.*no file was written", done.stderr
    )
    assert not (tmp_path / "m.onnx").exists()


def test_a_network_whose_answers_depend_on_the_neighbours_is_refused(tmp_path: Path, foreign_samples: Path) -> None:
    """Exported in training mode, batch normalisation takes its statistics from the batch."""
    model = net(inner_name="plain")
    model.graph.node.insert(1, helper.make_node("ReduceMean", ["plain"], ["of_batch"], axes=[0], keepdims=1))
    model.graph.node.insert(2, helper.make_node("Sub", ["plain", "of_batch"], ["centred"]))
    model.graph.node[3].input[0] = "centred"
    path = tmp_path / "training.onnx"
    path.write_bytes(model.SerializeToString())
    stated = StatedPipeline(LABELS, foreign_samples, scaling=PRESETS["torchvision"].scaling)

    with pytest.raises(ParityError, match="batch of 3"):
        adopt_file(path, stated)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "torchvision", "--mean", "0.5"], "--preset excludes --pixel-range"),
        (["--preset", "caffe", "--color", "rgb"], "--preset caffe is for bgr"),
        (["--mean", "0.5,0.5"], "is not 1 number or 3"),
        (["--std", "nan"], "is not 1 number or 3"),
    ],
)
def test_options_that_contradict_each_other_are_a_wrong_command_line(
    adopt: Callable[..., Result], options: list[object], message: str
) -> None:
    done = adopt(net(), *options)

    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize("name", ["两\n行 🐱", "\x1b[31mred", " . "])
def test_any_file_name_makes_a_name_on_one_line(tmp_path: Path, adopt: Callable[..., Result], name: str) -> None:
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(net().SerializeToString())

    done = adopt(path, *PRESET)

    assert done.exit_code == 0, done.output
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.name.isprintable()


def test_adopting_needs_no_training_framework_and_names_the_extra_that_it_needs(
    tmp_path: Path, foreign_samples: Path, foreign_labels: Path
) -> None:
    (tmp_path / "foreign.onnx").write_bytes(net().SerializeToString())
    script = (
        "import sys\n"
        "for name in sys.argv.pop(1).split(','):\n"
        "    sys.modules[name] = None\n"
        "from edgecls.cli import main\n"
        "main()\n"
    )
    arguments = [
        "adopt",
        "foreign.onnx",
        "-o",
        "m.onnx",
        "--labels",
        foreign_labels,
        "--samples",
        foreign_samples,
        *PRESET,
    ]

    def run(missing: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, missing, *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, check=False)

    refused = run("onnx")
    done = run("keras,tensorflow,tf2onnx,sklearn")

    assert refused.returncode == 1
    assert "needs the package 'onnx', which is not installed; install it with: pip install \"edgecls[" in refused.stderr
    assert done.returncode == 0, done.stderr
