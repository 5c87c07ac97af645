"""Export where Keras runs on another backend than TensorFlow, and where TensorFlow is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from image_folders import write_class_folders

import edgecls
from edgecls.errors import MissingExtraError
from edgecls.export.from_keras import convert
from edgecls.export.from_keras.file import load_keras, read_embedded_card
from edgecls.image_spec import ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.job import run_training

EXPORT_UNDER_JAX = """
import keras, numpy as np, sys
from pathlib import Path
from tiny_model import tiny_card
from edgecls.export.from_keras.export import export_float32, golden_from
from edgecls.image_spec import ImageSpec

assert keras.backend.backend() == "jax"
images = keras.Input((8, 8, 3), dtype="uint8")
pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(images)))
network = keras.Model(images, keras.layers.Dense(3, activation="softmax")(pooled))
golden = golden_from(network, {"grey": np.full((8, 8, 3), 90, np.uint8)})
card = tiny_card(labels=("a", "b", "c"), image=ImageSpec(8, 8), golden=golden)
Path(sys.argv[1]).write_bytes(export_float32(network, card).onnx)
print("tensorflow" in sys.modules)
"""


def test_a_network_of_jax_is_converted_in_a_process_with_tensorflow(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    tests = Path(__file__).parents[2]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(tests)}
    command = [sys.executable, "-c", EXPORT_UNDER_JAX, str(tmp_path / "m.onnx")]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert all(result.passed for result in edgecls.load(tmp_path / "m.onnx", "cpu").verify())


def test_export_without_tensorflow_says_how_to_install_it(tmp_path: Path) -> None:
    """In an interpreter that sees all installed packages except TensorFlow and tf2onnx."""
    pytest.importorskip("jax")
    network = keras.Sequential([keras.Input((4, 4, 3), dtype="uint8"), keras.layers.Flatten(), keras.layers.Dense(2)])
    network.save(tmp_path / "m.keras")
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(np.__file__).parents[1].iterdir():
        if not path.name.startswith(("tensorflow", "tf2onnx")) and path.suffix != ".pth":
            (packages / path.name).symlink_to(path)
    source = Path(edgecls.__file__).parents[1]
    script = f"import sys; sys.path += [{str(source)!r}, {str(packages)!r}]; from edgecls.cli import main; main()"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-S", "-I", "-c", script, "export", tmp_path / "m.keras", "-o", tmp_path / "m.onnx"]

    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1, done.stderr
    assert "needs the package 'tensorflow'" in done.stderr
    assert 'pip install "edgecls[train]"' in done.stderr


def test_training_keeps_the_network_where_nothing_can_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_class_folders(tmp_path / "data", per_label=6)
    monkeypatch.setattr(convert, "CONVERTER_PACKAGES", ("tensorflow", "a_converter_that_nobody_has"))
    config = TrainConfig(arch="simple_cnn", image=ImageSpec(16, 16), epochs=1, batch_size=8)

    with pytest.raises(MissingExtraError, match=r"kept in '.*m\.keras'; .* edgecls export m\.keras -o m\.onnx"):
        run_training(data, tmp_path / "m.onnx", config)

    assert not (tmp_path / "m.onnx").exists()
    card = read_embedded_card(tmp_path / "m.keras")
    assert card is not None
    assert len(card.labels) == load_keras(tmp_path / "m.keras").output_shape[-1]
