"""Fixtures that many tests share: a tiny model file whose answers are known, and a few images."""

import os
from pathlib import Path

import numpy as np
import pytest
from familiar_model import familiar_model_bytes
from referenced_model import referenced_model
from tiny_model import tiny_model_bytes

from edgecls import image
from edgecls.modelfile import ModelFile, read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cache_folder import cache_folder
from edgecls.runtime.opening import load

os.environ["EDGECLS_OFFLINE"] = "1"  # or a training might download weights


@pytest.fixture(scope="session")
def tiny_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file that tells red, green and blue images apart."""
    path = tmp_path_factory.mktemp("models") / "colors.onnx"
    path.write_bytes(tiny_model_bytes())
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_model_path: Path) -> ModelFile:
    return read_model(tiny_model_path)


@pytest.fixture(scope="session")
def tiny_classifier(tiny_model_path: Path) -> Classifier:
    return load(tiny_model_path, "cpu")


@pytest.fixture(scope="session")
def familiar_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, which also judges familiarity: grey images are unlike what it was trained on."""
    path = tmp_path_factory.mktemp("models") / "familiar.onnx"
    path.write_bytes(familiar_model_bytes())
    return path


@pytest.fixture(scope="session")
def referenced_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, which also describes its held-out images."""
    folder = tmp_path_factory.mktemp("referenced")
    path = folder / "referenced.onnx"
    path.write_bytes(referenced_model(folder / "held-out").onnx)
    return path


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for edgecls, in the place of the user's."""
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a red, a green and a blue PNG."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name, color in (("red", (250, 10, 20)), ("green", (5, 240, 30)), ("blue", (12, 30, 245))):
        pixels = np.full((12, 16, 3), color, np.uint8)
        (folder / f"{name}.png").write_bytes(image.encode_png(pixels))
    return folder
