"""Foreign networks to adopt, and a small network of convolutions ready to be reduced."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from color_network import color_images, color_model
from foreign_nets import LABELS
from image_folders import write_class_folders
from onnx import ModelProto

from edgecls.cli import main
from edgecls.export.precision.float_network import FloatNetwork, read_float_network
from edgecls.export.precision.int8_graph import CalibrationMethod, Ranges, observe_extremes, ranges_from


@pytest.fixture(scope="module")
def foreign_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("samples"), per_label=2)


@pytest.fixture(scope="module")
def foreign_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "标签.txt"
    path.write_text("\ufeff" + "\n".join(LABELS) + "\n\n", encoding="utf-8")
    return path


@pytest.fixture
def adopt(tmp_path: Path, foreign_samples: Path, foreign_labels: Path) -> Callable[..., Result]:
    """Runs the command on a network; the model file is tmp_path/m.onnx."""

    def run(model: ModelProto | bytes | Path, *options: object) -> Result:
        source = model
        if not isinstance(source, Path):
            source = tmp_path / "foreign.onnx"
            source.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        given = [source, "-o", tmp_path / "m.onnx", "--labels", foreign_labels, "--samples", foreign_samples, *options]
        return CliRunner().invoke(main, ["adopt", *map(str, given)])

    return run


@pytest.fixture(scope="session")
def color_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("colors"), per_label=20)


@pytest.fixture(scope="session")
def network() -> FloatNetwork:
    """With a second output, the class activation."""
    return read_float_network(color_model(class_activation=True))


@pytest.fixture(scope="session")
def ranges(network: FloatNetwork) -> Ranges:
    return ranges_from(observe_extremes(network, color_images(), workers=2), CalibrationMethod.MIN_MAX)
