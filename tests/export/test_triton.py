"""Model repositories for Triton: what its own protobuf definition makes of them, and what onnxruntime answers."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from tiny_model import TINY_LABELS, TINY_SPEC, tiny_model_bytes

from edgecls.bundled_model import BUNDLED_MODEL
from edgecls.cli import main
from edgecls.export.triton import MAX_BATCH_SIZE, triton_config
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.execution.onnxruntime_network import open_raw_network
from edgecls.runtime.optional_outputs import output_widths

# In a process of its own: the messages of tritonclient and of kserve have the same names in protobuf's default pool.
PARSE = """
import sys
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2
config = text_format.Parse(sys.stdin.buffer.read(), model_config_pb2.ModelConfig())
sys.stdout.write(json_format.MessageToJson(config, preserving_proto_field_name=True))
"""


def _read_by_triton(text: str) -> "subprocess.CompletedProcess[bytes]":
    if importlib.util.find_spec("grpc") is None and "EDGECLS_REQUIRE_TRITON" not in os.environ:
        pytest.skip("tritonclient[grpc], which has Triton's own definition of the file, is not installed")
    return subprocess.run([sys.executable, "-c", PARSE], input=text.encode(), capture_output=True, timeout=600)


def _parsed(text: str) -> Any:
    done = _read_by_triton(text)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture
def exported(tmp_path: Path, tiny_model_path: Path) -> Path:
    done = CliRunner().invoke(main, ["export", str(tiny_model_path), "--triton", str(tmp_path / "made" / "models")])
    assert done.exit_code == 0, done.output
    assert done.output == f"wrote {tmp_path / 'made' / 'models' / 'colors'}\n"
    return tmp_path / "made" / "models"


def test_a_repository_has_a_folder_named_like_the_model_with_all_that_its_configuration_names(exported: Path) -> None:
    config = _parsed((exported / "colors" / "config.pbtxt").read_text(encoding="utf-8"))

    assert [path.name for path in exported.iterdir()] == ["colors"]
    assert config["name"] == "colors"
    assert config["backend"] == "onnxruntime"
    assert config["max_batch_size"] == MAX_BATCH_SIZE
    assert config["input"] == [
        {"name": "image", "data_type": "TYPE_UINT8", "format": "FORMAT_NHWC", "dims": ["8", "8", "3"]}
    ]
    assert config["output"] == [
        {"name": "probabilities", "data_type": "TYPE_FP32", "dims": ["3"], "label_filename": "labels.txt"}
    ]
    assert "dynamic_batching" in config
    assert (exported / "colors" / "labels.txt").read_text(encoding="utf-8").splitlines() == list(TINY_LABELS)
    assert (exported / "colors" / "1" / "model.onnx").is_file()
    assert config["parameters"]["edgecls_fit"] == {"string_value": "stretch"}
    assert config["parameters"]["edgecls_color"] == {"string_value": "rgb"}


def test_inputs_and_outputs_are_those_of_the_network(exported: Path) -> None:
    config = _parsed((exported / "colors" / "config.pbtxt").read_text(encoding="utf-8"))
    graph = onnx.load(exported / "colors" / "1" / "model.onnx").graph

    for described, inside in ((config["input"], graph.input), (config["output"], graph.output)):
        assert [one["name"] for one in described] == [value.name for value in inside]
        for one, value in zip(described, inside, strict=True):
            batch, *sides = value.type.tensor_type.shape.dim
            assert batch.dim_param, "the number of images must be free, or Triton refuses max_batch_size"
            assert [int(size) for size in one["dims"]] == [side.dim_value for side in sides]
            kind = {"TYPE_UINT8": onnx.TensorProto.UINT8, "TYPE_FP32": onnx.TensorProto.FLOAT}[one["data_type"]]
            assert value.type.tensor_type.elem_type == kind


def test_warming_up_runs_the_golden_samples(exported: Path, tiny_model: ModelFile) -> None:
    config = _parsed((exported / "colors" / "config.pbtxt").read_text(encoding="utf-8"))
    network = open_raw_network((exported / "colors" / "1" / "model.onnx").read_bytes(), name="exported")
    samples = tiny_model.card.golden.samples

    assert len(config["model_warmup"]) == len(samples)
    for warmup, sample in zip(config["model_warmup"], samples, strict=True):
        given = warmup["inputs"]["image"]
        raw = (exported / "colors" / "warmup" / given["input_data_file"]).read_bytes()
        assert given["data_type"] == "TYPE_UINT8"
        pixels = np.frombuffer(raw, np.uint8).reshape(1, *map(int, given["dims"]))
        found = network.run(pixels, input_name="image")["probabilities"]
        assert np.abs(found[0] - sample.probabilities).max() < tiny_model.card.golden.tolerance


def test_the_class_activation_is_left_out_and_the_file_still_describes_itself(tmp_path: Path) -> None:
    assert b"class_activation" in Path(BUNDLED_MODEL).read_bytes()

    done = CliRunner().invoke(main, ["export", str(BUNDLED_MODEL), "--triton", str(tmp_path)])

    assert done.exit_code == 0, done.output
    written = tmp_path / "flowers" / "1" / "model.onnx"
    assert [value.name for value in onnx.load(written).graph.output] == ["probabilities"]
    assert read_model(written).card == read_model(BUNDLED_MODEL).card


def test_names_and_labels_in_any_script_and_with_quotes_come_through(tmp_path: Path) -> None:
    labels = ('say "ah"', "back\\slash", "蒲公英")
    path = tmp_path / 'my "best" 花.onnx'
    path.write_bytes(tiny_model_bytes(labels=labels, name='a "name" \\ 花', unknown_threshold=0.5))

    done = CliRunner().invoke(main, ["export", str(path), "--triton", str(tmp_path / "models")])

    assert done.exit_code == 0, done.output
    folder = tmp_path / "models" / path.stem
    config = _parsed((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert config["name"] == path.stem
    assert config["parameters"]["edgecls_name"] == {"string_value": 'a "name" \\ 花'}
    assert config["parameters"]["edgecls_unknown_threshold"] == {"string_value": "0.5"}
    assert (folder / "labels.txt").read_bytes().decode().split("\n") == [*labels, ""]


def test_familiarity_is_an_output_and_its_threshold_a_parameter(tmp_path: Path, familiar_model_path: Path) -> None:
    done = CliRunner().invoke(main, ["export", str(familiar_model_path), "--triton", str(tmp_path / "models")])

    assert done.exit_code == 0, done.output
    folder = tmp_path / "models" / "familiar"
    config = _parsed((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert [output["name"] for output in config["output"]] == ["probabilities", "familiarity"]
    assert (config["output"][1]["dims"], config["output"][1]["reshape"]) == (["1"], {})
    assert config["parameters"]["edgecls_familiarity_threshold"] == {"string_value": "0.8"}
    model = read_model(folder / "1" / "model.onnx")
    assert set(output_widths(model.onnx)) == {"probabilities", "familiarity"}


def test_a_misspelt_field_is_noticed(tiny_model: ModelFile) -> None:
    text = triton_config("colors", tiny_model).replace("dynamic_batching", "dynamic_batchin")

    assert b"dynamic_batchin" in _read_by_triton(text).stderr


def test_a_model_that_is_there_already_is_left_as_it_is(exported: Path, tiny_model_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in exported.rglob("*")}

    done = CliRunner().invoke(main, ["export", str(tiny_model_path), "--triton", str(exported)])

    assert done.exit_code == 1
    assert "remove its folder or give another repository" in done.output
    assert {path: path.stat().st_mtime_ns for path in exported.rglob("*")} == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    done = CliRunner().invoke(main, ["export", str(tiny_model_path), "--triton", str(tmp_path / "file" / "models")])

    assert done.exit_code == 1
    assert "cannot write" in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["m.keras", "--triton", "models"], "edgecls export MODEL -o model.onnx"),
        (["m.onnx", "--triton", "models", "-o", "x.onnx", "--logits"], "leave --output, --logits out"),
        (["m.keras"], "--output"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(main, ["export", *arguments])

    assert done.exit_code == 2
    assert told in done.output


def test_a_damaged_model_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not a model")

    done = CliRunner().invoke(main, ["export", str(tmp_path / "m.onnx"), "--triton", str(tmp_path / "models")])

    assert done.exit_code == 1
    assert not (tmp_path / "models").exists()


def test_the_size_of_the_pixels_is_that_of_the_model(exported: Path) -> None:
    sizes = {path.stat().st_size for path in (exported / "colors" / "warmup").iterdir()}

    assert sizes == {int(np.prod(TINY_SPEC.shape_hwc))}
