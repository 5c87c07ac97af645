"""Parting a dataset into images to calibrate on and images to check on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from color_network import COLOR_SPEC
from image_folders import COLORS, write_class_folders
from tiny_model import tiny_card

from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError
from edgecls.export.precision import images as subject
from edgecls.export.precision.images import LabelledPixels, MeasuringImages, decode_measuring_images
from edgecls.model_card import Golden, GoldenSample, ModelCard


def _card(*labels: str) -> ModelCard:
    sample = GoldenSample("a", b"", (1.0, *[0.0] * (len(labels) - 1)))
    return tiny_card(labels=labels, image=COLOR_SPEC, golden=Golden(1e-3, (sample,)))


CARD = _card(*reversed(COLORS))  # in another order than that of the folders


def _part(folder: Path, card: ModelCard = CARD, seed: int = 0, check: Path | None = None) -> MeasuringImages:
    held_out = None if check is None else read_dataset(check)
    return decode_measuring_images(read_dataset(folder), card, seed=seed, workers=2, check=held_out)


def _contents(pixels: LabelledPixels) -> set[bytes]:
    return {image.tobytes() for image in pixels.pixels}


def test_no_image_is_in_both_parts_and_each_has_its_share_of_every_label(color_folders: Path) -> None:
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


def test_copies_of_an_image_stay_together(tmp_path: Path) -> None:
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


def test_images_to_check_on_may_be_a_dataset_of_their_own(tmp_path: Path) -> None:
    shown = write_class_folders(tmp_path / "shown", per_label=6, seed=1)
    held_out = write_class_folders(tmp_path / "held out", per_label=3, seed=2)
    shutil.rmtree(held_out / "绿 grass")
    twice = next(held_out.rglob("*.png"))
    (shown / twice.parent.name / "twice.png").write_bytes(twice.read_bytes())

    parts = _part(shown, check=held_out)

    assert len(parts.calibration.label_ids) == 18
    assert np.bincount(parts.check.label_ids, minlength=3).tolist() == [3, 0, 3]
    assert _contents(parts.calibration).isdisjoint(_contents(parts.check))


def test_of_datasets_with_splits_one_gives_its_train_split_and_the_other_those_held_out(tmp_path: Path) -> None:
    for folder in ("shown", "held out"):
        for seed, (part, count) in enumerate((("train", 5), ("val", 2), ("test", 1))):
            write_class_folders(tmp_path / folder / part, per_label=count, seed=seed + 10 * len(folder))

    parts = _part(tmp_path / "shown", check=tmp_path / "held out")

    assert (len(parts.calibration.label_ids), len(parts.check.label_ids)) == (15, 9)


def test_images_to_check_on_of_a_label_that_the_model_lacks_are_refused(tmp_path: Path) -> None:
    shown = write_class_folders(tmp_path / "shown", per_label=4)
    other = write_class_folders(tmp_path / "other", per_label=4)
    (other / "绿 grass").rename(other / "purple")

    with pytest.raises(DatasetError, match="the model does not know 'purple'"):
        _part(shown, check=other)


def test_the_same_images_to_calibrate_and_to_check_on_are_refused(tmp_path: Path) -> None:
    same = write_class_folders(tmp_path, per_label=4)

    with pytest.raises(DatasetError, match="all calibration images are also among those to check on"):
        _part(same, check=same)


@pytest.mark.parametrize("lacking", ["val", "test", "both"])
def test_held_out_parts_may_lack_a_label_or_have_one_image_of_it(tmp_path: Path, lacking: str) -> None:
    for seed, part in enumerate(("train", "val", "test")):
        root = write_class_folders(tmp_path / part, per_label=4, seed=seed)
        if part == lacking or (lacking == "both" and part != "train"):
            shutil.rmtree(root / "绿 grass")
        elif part != "train":
            for path in sorted((root / "绿 grass").iterdir())[1:]:
                path.unlink()

    parts = _part(tmp_path)

    assert len(parts.calibration.label_ids) == 12
    assert np.bincount(parts.check.label_ids, minlength=3).tolist() == [8, 0 if lacking == "both" else 1, 8]


def test_a_label_with_one_image_is_checked_on(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=6)
    for path in sorted((root / "绿 grass").iterdir())[1:]:
        path.unlink()

    parts = _part(root)

    assert np.bincount(parts.check.label_ids, minlength=3)[1] == 1
    assert len(parts.calibration.label_ids) == 4


def test_of_many_images_one_of_a_rare_label_does_not_stop_the_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MAX_PIXEL_BYTES", 10 * 8 * 8 * 3)
    for seed, part in enumerate(("train", "test")):
        root = write_class_folders(tmp_path / part, per_label=8, seed=seed)
        for path in sorted((root / "绿 grass").iterdir())[1:]:
            path.unlink()

    assert len(_part(tmp_path).check.label_ids) == 10


def test_of_many_images_some_are_drawn(color_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_PIXEL_BYTES", 30 * 8 * 8 * 3)

    parts = _part(color_folders)

    assert (len(parts.calibration.label_ids), len(parts.check.label_ids)) == (9, 21)


def test_what_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    write_class_folders(tmp_path, per_label=4)
    (tmp_path / "红 roses" / "broken.png").write_bytes(b"no image")

    parts = _part(tmp_path)

    assert "broken.png" in str(parts.failures[0])
    assert len(parts.calibration.label_ids) + len(parts.check.label_ids) == 12


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("红 roses", "绿 grass"), "the model does not know '蓝 sky'"),
        ((*COLORS, "purple"), "there are no images of 'purple'"),
        (
            ("a", "b"),
            "does not know '红 roses', '绿 grass', '蓝 sky'; there are no images of 'a', 'b'; give a dataset",
        ),
    ],
    ids=["foreign", "missing", "both"],
)
def test_other_labels_than_the_models_are_refused(labels: tuple[str, ...], message: str, color_folders: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        _part(color_folders, _card(*labels))


def test_labels_with_a_single_image_each_are_refused(tmp_path: Path) -> None:
    write_class_folders(tmp_path, per_label=1)

    with pytest.raises(DatasetError, match="all labels have fewer than 2 images"):
        _part(tmp_path)
