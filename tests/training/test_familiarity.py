"""Familiarity of trained networks: there by default, left out where it is not wanted or cannot be."""

from pathlib import Path

import numpy as np
import pytest
from image_folders import write_class_folders

import edgecls
from edgecls import image
from edgecls.export.from_keras.file import read_embedded_card
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.training.config import TrainConfig
from edgecls.training.job import Listener, TrainingResult, run_training

SPEC = ImageSpec(16, 16, Color.RGB, Fit.STRETCH)


def _trained(
    data: Path, onnx_path: Path, *, familiarity: bool = True, listener: Listener | None = None
) -> TrainingResult:
    config = TrainConfig(
        SPEC,
        arch="simple_cnn",
        epochs=2,
        batch_size=8,
        augment=False,
        validation_fraction=0.25,
        familiarity=familiarity,
    )
    return run_training(data, onnx_path, config, listener=listener)


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("colors"), per_label=12)


def test_a_trained_network_has_it_by_default(colors: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    result = _trained(colors, tmp_path / "m.onnx", listener=Listener(on_features=lambda *done: seen.append(done)))

    assert result.unfamiliar is None
    assert seen == [(done, 36) for done in range(1, 37)]
    classifier = edgecls.load(tmp_path / "m.onnx", "cpu")
    assert all(result.passed for result in classifier.verify())
    assert classifier.card == result.export.card
    facts = classifier.card.familiarity
    assert facts is not None
    assert facts.held_out == 36
    known = [classifier.predict(path).is_known for path in colors.rglob("*.png")]
    assert np.mean(known) > 0.9
    # The network is in the .keras file, but not what it was trained on.
    embedded = read_embedded_card(tmp_path / "m.keras")
    assert embedded is not None
    assert embedded.familiarity is None
    assert embedded.labels == classifier.card.labels


def test_it_can_be_left_out(colors: Path, tmp_path: Path) -> None:
    result = _trained(colors, tmp_path / "m.onnx", familiarity=False)

    assert result.unfamiliar is None
    assert result.export.card.familiarity is None
    assert b"familiarity_prototypes" not in (tmp_path / "m.onnx").read_bytes()


def test_a_label_unknown_leaves_it_out_with_the_reason(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=12)
    for index in range(12):
        gray = np.full((20, 20, 3), 20 * index, np.uint8)
        path = data / "unknown" / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image.encode_png(gray))

    result = _trained(data, tmp_path / "m.onnx")

    assert result.export.card.familiarity is None
    assert result.unfamiliar is not None
    assert "label 'unknown'" in result.unfamiliar
    assert edgecls.load(tmp_path / "m.onnx", "cpu").card.labels[-1] == "蓝 sky"
