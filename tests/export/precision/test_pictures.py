"""Parting a dataset into pictures to calibrate on and pictures to check on."""

from pathlib import Path

import numpy as np
import pytest
from color_network import COLOR_SPEC
from picture_folders import COLORS, write_class_folders
from tiny_model import tiny_card

from edgecls.dataset.forms.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.export.precision import pictures as subject
from edgecls.export.precision.pictures import LabelledPixels, MeasuringPictures, decode_measuring_pictures
from edgecls.model_card import Golden, GoldenSample, ModelCard


def _card(*labels: str) -> ModelCard:
    sample = GoldenSample("a", b"", (1.0, *[0.0] * (len(labels) - 1)))
    return tiny_card(labels=labels, image=COLOR_SPEC, golden=Golden(1e-3, (sample,)))


CARD = _card(*reversed(COLORS))  # in another order than that of the folders


def _part(folder: Path, card: ModelCard = CARD, seed: int = 0) -> MeasuringPictures:
    return decode_measuring_pictures(read_dataset(folder), card, seed=seed, workers=2)


def _contents(pixels: LabelledPixels) -> set[bytes]:
    return {picture.tobytes() for picture in pixels.pixels}


def test_no_picture_is_in_both_parts_and_each_has_its_share_of_every_label(color_folders: Path) -> None:
    parts = _part(color_folders)

    assert np.bincount(parts.calibration.label_ids).tolist() == [7, 7, 7]
    assert np.bincount(parts.check.label_ids).tolist() == [13, 13, 13]
    assert _contents(parts.calibration).isdisjoint(_contents(parts.check))
    assert len(_contents(parts.calibration) | _contents(parts.check)) == 60


def test_label_ids_are_places_on_the_card(color_folders: Path) -> None:
    parts = _part(color_folders)

    for label_id, label in enumerate(CARD.labels):
        mean = parts.check.pixels[parts.check.label_ids == label_id].mean(axis=(0, 1, 2))
        np.testing.assert_allclose(mean, COLORS[label], rtol=0, atol=5)


def test_the_seed_decides(color_folders: Path) -> None:
    assert _contents(_part(color_folders).check) == _contents(_part(color_folders).check)
    assert _contents(_part(color_folders).check) != _contents(_part(color_folders, seed=1).check)


def test_copies_of_a_picture_stay_together(tmp_path: Path) -> None:
    write_class_folders(tmp_path, per_label=6)
    for path in list(tmp_path.rglob("*.png")):
        path.with_name(f"copy of {path.name}").write_bytes(path.read_bytes())

    parts = _part(tmp_path)

    assert _contents(parts.calibration).isdisjoint(_contents(parts.check))


def test_parts_that_the_dataset_names_are_kept(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", per_label=4, seed=1)
    write_class_folders(tmp_path / "val", per_label=2, seed=2)
    write_class_folders(tmp_path / "test", per_label=3, seed=3)
    twice = next((tmp_path / "test").rglob("*.png"))
    (tmp_path / "train" / twice.parent.name / "twice.png").write_bytes(twice.read_bytes())

    parts = _part(tmp_path)

    assert (len(parts.calibration.label_ids), len(parts.check.label_ids)) == (12, 15)
    assert _contents(parts.calibration).isdisjoint(_contents(parts.check))


def test_of_many_pictures_some_are_drawn(color_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_PIXEL_BYTES", 30 * 8 * 8 * 3)

    parts = _part(color_folders)

    assert (len(parts.calibration.label_ids), len(parts.check.label_ids)) == (9, 21)


def test_what_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, per_label=4)
    (tmp_path / "红 roses" / "broken.png").write_bytes(b"no picture")

    parts = _part(tmp_path)

    assert "broken.png" in str(parts.failures[0])
    assert len(parts.calibration.label_ids) + len(parts.check.label_ids) == 12


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("红 roses", "绿 grass"), "the model does not know '蓝 sky'"),
        ((*COLORS, "purple"), "there are no pictures of 'purple'"),
        (
            ("a", "b"),
            "does not know '红 roses', '绿 grass', '蓝 sky'; there are no pictures of 'a', 'b'; give a dataset",
        ),
    ],
    ids=["foreign", "missing", "both"],
)
def test_other_labels_than_the_models_are_refused(labels: tuple[str, ...], message: str, color_folders: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        _part(color_folders, _card(*labels))


def test_a_label_with_a_single_picture_is_refused(tmp_path: Path) -> None:
    write_class_folders(tmp_path, per_label=1)

    with pytest.raises(DatasetError, match=r"has 1 picture\(s\).*2 are needed for 2 parts"):
        _part(tmp_path)
