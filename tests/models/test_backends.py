"""The networks are written on Keras alone, so that any of its backends can train them."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).parent.parent.parent / "edgecls" / "models"

ONE_STEP = """
import importlib.abc
import json
import sys


class NoTensorFlow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("tensorflow is hidden", name="tensorflow")


sys.meta_path.insert(0, NoTensorFlow())  # Keras looks whether it is there, and would import it

import keras
import numpy as np
from edgecls.image_spec import ImageSpec
from edgecls.models import build_model

keras.utils.set_random_seed(0)
model = build_model("simple_cnn", num_classes=3, spec=ImageSpec(32, 48))
before = model.get_weights()
model.compile("adam", "sparse_categorical_crossentropy")
images = np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)
history = model.fit(images, np.array([0, 1, 2, 0]), batch_size=4, verbose=0)
moved = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
sums = model.predict(images, verbose=0).sum(axis=1)
print(json.dumps({
    "backend": keras.backend.backend(),
    "loss": history.history["loss"][0],
    "moved": all(moved),
    "sums": sums.tolist(),
}))
"""


def test_jax_trains_a_network_without_tensorflow() -> None:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}

    done = subprocess.run(
        [sys.executable, "-c", ONE_STEP], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["backend"], found["moved"]) == ("jax", True)
    assert 0 < found["loss"] < 20
    assert found["sums"] == pytest.approx([1] * 4, abs=1e-5)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.py")), ids=lambda path: path.name)
def test_no_network_names_a_backend(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in imported} & {"tensorflow", "jax", "torch", "tf_keras"} == set()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "tf" not in names
