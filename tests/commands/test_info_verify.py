"""edgecls info and edgecls verify."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from tiny_model import tiny_familiar_card, tiny_familiar_model_bytes, tiny_golden, tiny_model_bytes

from edgecls.cli import main
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.model_card import Golden, GoldenSample


def test_info_prints_what_the_file_says(tiny_model_path: Path) -> None:
    output = CliRunner().invoke(main, ["info", str(tiny_model_path)]).output

    assert "mean_color" in output
    assert "3: red, green, blue" in output
    assert "8x8 rgb, stretch" in output


def test_info_as_json_is_the_document_without_its_images(tiny_model_path: Path) -> None:
    document = json.loads(CliRunner().invoke(main, ["info", str(tiny_model_path), "--format", "json"]).output)

    assert document["labels"] == ["red", "green", "blue"]
    assert [sorted(sample) for sample in document["golden"]["samples"]] == [["name", "probabilities"]] * 3
    jsonschema.validate(document["image"], {"required": ["height", "width", "color", "fit"]})


@pytest.fixture
def untrue_model(tmp_path: Path) -> Path:
    """A model file in which one golden answer was changed."""
    good = tiny_golden()
    first = good.samples[0]
    wrong = GoldenSample(first.name, first.png, tuple(reversed(first.probabilities)))
    path = tmp_path / "untrue.onnx"
    path.write_bytes(tiny_model_bytes(golden=Golden(good.tolerance, (wrong, *good.samples[1:]))))
    return path


@pytest.mark.parametrize("model", ["tiny", "bundled"])
def test_verify_passes_with_the_difference(tiny_model_path: Path, model: str) -> None:
    path = tiny_model_path if model == "tiny" else BUNDLED_MODEL

    done = CliRunner().invoke(main, ["verify", str(path)])

    assert done.exit_code == 0, done.output
    assert done.output.startswith("passed: ")
    assert "on cpu, largest difference" in done.output


def test_verify_fails_with_what_differs(untrue_model: Path) -> None:
    done = CliRunner().invoke(main, ["verify", str(untrue_model)])

    assert done.exit_code == 1
    assert "golden sample 'sample 0' in a batch of 1" in done.output
    assert "failed: 2 of 7 checks" in done.output


def test_verify_as_json(untrue_model: Path, tiny_model_path: Path) -> None:
    good = json.loads(CliRunner().invoke(main, ["verify", str(tiny_model_path), "--format", "json"]).output)
    bad = json.loads(CliRunner().invoke(main, ["verify", str(untrue_model), "--format", "json"]).output)

    assert (good["passed"], bad["passed"], good["provider"]) == (True, False, "cpu")
    assert good["largest_difference"] < 1e-6 < bad["largest_difference"]
    assert len(good["results"]) == 7  # three alone, and two batches of two


def test_verify_compares_familiarity_where_the_file_has_it(tmp_path: Path, tiny_model_path: Path) -> None:
    good, wrong = tmp_path / "good.onnx", tmp_path / "wrong.onnx"
    good.write_bytes(tiny_familiar_model_bytes())
    golden = tiny_familiar_card().golden
    samples = (replace(golden.samples[0], familiarity=0.99), *golden.samples[1:])
    wrong.write_bytes(tiny_familiar_model_bytes(golden=replace(golden, samples=samples)))

    passed = CliRunner().invoke(main, ["verify", str(good)])
    failed = CliRunner().invoke(main, ["verify", str(wrong)])
    facts = json.loads(CliRunner().invoke(main, ["verify", str(wrong), "--format", "json"]).output)
    without = json.loads(CliRunner().invoke(main, ["verify", str(tiny_model_path), "--format", "json"]).output)

    assert (passed.exit_code, failed.exit_code) == (0, 1)
    assert passed.output.startswith("passed: 14 of 14 checks")
    assert "of familiarity" in passed.output
    assert "golden sample 'sample 0' in a batch of 1: familiarity is 0.4" in failed.output
    assert facts["largest_difference"] < 1e-6 < facts["familiarity"]["largest_difference"]
    assert without["familiarity"] is None


def test_serve_refuses_a_model_that_gives_wrong_answers(untrue_model: Path) -> None:
    done = CliRunner().invoke(main, ["serve", "--model", str(untrue_model), "--port", "0"])

    assert done.exit_code == 1
    assert "gives wrong answers on this machine: golden sample 'sample 0'" in done.stderr
