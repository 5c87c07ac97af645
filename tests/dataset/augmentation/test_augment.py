"""Augmented copies: the same whatever the order, resumable, never over other files."""

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.dataset.augmentation.augment import AugmentResult, AugmentSettings, augment
from edgecls.dataset.augmentation.lineage import MANIFEST, lineage_of, read_manifest
from edgecls.dataset.augmentation.warp import Warp, WarpLimits, apply_warp
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError, OutputError
from edgecls.image_files import find_images

SETTINGS = AugmentSettings(copies=2, seed=4)


def _lineage(folder: Path) -> dict[Path, str]:
    return lineage_of(find_images(folder))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_class_folders(tmp_path / "数据", per_label=2)


def _augment(data: Path, out: Path, settings: AugmentSettings = SETTINGS, *, workers: int = 2) -> AugmentResult:
    return augment(read_dataset(data), data, out, settings, workers=workers)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def test_originals_and_copies_lie_in_class_folders(data: Path, tmp_path: Path) -> None:
    result = _augment(data, tmp_path / "out")

    assert result == AugmentResult(written=18, kept=0, failures=())
    label = sorted(COLORS)[0]
    files = _files(tmp_path / "out")
    assert sorted(Path(name).name for name in files if name.startswith(label)) == sorted(
        f"照片 {number}{end}.png" for number in ("00", "01") for end in ("", "-aug1", "-aug2")
    )
    original = (data / label / "照片 00.png").read_bytes()
    assert files[f"{label}/照片 00.png"] == original
    copies = [image.decode(files[f"{label}/照片 00-aug{index}.png"]) for index in (1, 2)]
    assert copies[0].shape == copies[1].shape == image.decode(original).shape
    assert not np.array_equal(copies[0], copies[1])
    assert read_dataset(tmp_path / "out").train.counts == dict.fromkeys(sorted(COLORS), 6)


def test_a_copy_is_what_the_manifest_says(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out")

    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert len(manifest.images) == 18
    copies = [entry for entry in manifest.images if entry.transform is not None]
    assert len(copies) == 12
    for entry in copies:
        source = Path(entry.source).read_bytes()
        assert entry.source_sha256 == hashlib.sha256(source).hexdigest()
        expected = apply_warp(image.decode(source), Warp(**entry.transform))  # type: ignore[arg-type]
        np.testing.assert_array_equal(image.decode((tmp_path / "out" / entry.output).read_bytes()), expected)
    assert "红" in (tmp_path / "out" / MANIFEST).read_text(encoding="utf-8")


def test_names_places_and_workers_do_not_matter(data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(data, moved)
    label = sorted(COLORS)[1]
    (moved / label / "照片 00.png").rename(moved / label / "zzz.png")

    _augment(data, tmp_path / "one", workers=1)
    _augment(moved, tmp_path / "two", workers=4)

    assert sorted(_files(tmp_path / "one").values()) == sorted(_files(tmp_path / "two").values())


def test_the_seed_decides(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "one")
    _augment(data, tmp_path / "two", replace(SETTINGS, seed=5))

    one, two = _files(tmp_path / "one"), _files(tmp_path / "two")
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] == two[name]} == {name for name in one if "-aug" not in name}


def test_copies_alone(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out", replace(SETTINGS, with_originals=False))

    assert len(_files(tmp_path / "out")) == 12
    assert all("-aug" in name for name in _files(tmp_path / "out"))


def test_only_train_is_augmented(data: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    shutil.copytree(data, splits / "train")
    held_out = write_class_folders(tmp_path / "held out", per_label=1, seed=9)
    shutil.copytree(held_out, splits / "test")

    _augment(splits, tmp_path / "out")

    dataset = read_dataset(tmp_path / "out")
    assert {name: len(split.paths) for name, split in dataset.splits.items()} == {"train": 18, "test": 3}
    assert len(_lineage(tmp_path / "out")) == 21


def test_photographs_stay_jpeg_and_others_become_png(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=1)
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    folder = data / sorted(COLORS)[0]
    for suffix in ("jpg", "webp", "bmp"):
        cv2.imencode(f".{suffix}", rgb)[1].tofile(folder / f"{suffix} image.{suffix}")

    _augment(data, tmp_path / "out", AugmentSettings(copies=1))

    made = {name: content for name, content in _files(tmp_path / "out" / folder.name).items() if "image" in name}
    assert sorted(made) == [
        "bmp image-aug1.png",
        "bmp image.bmp",
        "jpg image-aug1.jpg",
        "jpg image.jpg",
        "webp image-aug1.jpg",
        "webp image.webp",
    ]
    assert made["webp image-aug1.jpg"].startswith(b"\xff\xd8")
    assert made["bmp image-aug1.png"].startswith(b"\x89PNG")


def test_an_interrupted_run_goes_on(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        augment(read_dataset(data), data, tmp_path / "out", SETTINGS, workers=1, on_progress=stop)
    with (tmp_path / "out" / MANIFEST).open("a") as stream:
        stream.write('{"output": "half a li')
    result = _augment(data, tmp_path / "out")

    assert (result.written, result.kept) == (12, 6)
    assert _files(tmp_path / "out") == _files(tmp_path / "whole")
    lines = [(tmp_path / name / MANIFEST).read_text(encoding="utf-8").splitlines() for name in ("out", "whole")]
    assert lines[0] == lines[1]
    assert _augment(data, tmp_path / "out").written == 0


def test_a_file_that_was_deleted_is_made_again(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out")
    before = _files(tmp_path / "out")
    gone = sorted(before)[1]
    (tmp_path / "out" / gone).unlink()

    assert _augment(data, tmp_path / "out").written == 1
    assert _files(tmp_path / "out") == before
    assert len(_lineage(tmp_path / "out")) == 18


def test_a_copy_of_a_copy_belongs_to_the_first_source(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "one", AugmentSettings(copies=1))
    _augment(tmp_path / "one", tmp_path / "two", AugmentSettings(copies=1, with_originals=False))

    assert set(_lineage(tmp_path / "two").values()) == set(_lineage(tmp_path / "one").values())
    assert len(set(_lineage(tmp_path / "two").values())) == 6


def test_an_unreadable_image_is_left_out_and_listed(data: Path, tmp_path: Path) -> None:
    broken = data / sorted(COLORS)[0] / "照片 00.png"
    broken.write_bytes(broken.read_bytes()[:60])

    result = _augment(data, tmp_path / "out")

    assert result.written == 15
    assert [str(broken) in str(failure) for failure in result.failures] == [True]
    assert len(_files(tmp_path / "out")) == 15


def test_a_name_that_is_no_unicode_is_kept(data: Path, tmp_path: Path) -> None:
    label = sorted(COLORS)[0]
    os.rename(data / label / "照片 00.png", os.fsencode(data / label) + b"/caf\xe9.png")

    assert _augment(data, tmp_path / "out").written == 18
    assert _augment(data, tmp_path / "out").kept == 18
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert all((tmp_path / "out" / image.output).is_file() for image in manifest.images)


def test_a_folder_with_something_else_in_it_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")

    with pytest.raises(OutputError, match="is not empty; choose a new folder, nothing is ever overwritten"):
        _augment(data, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


def test_another_run_in_the_same_folder_is_refused(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out")
    before = _files(tmp_path)

    with pytest.raises(OutputError, match=r"holds a run with other settings \(limits, seed\)"):
        _augment(data, tmp_path / "out", AugmentSettings(copies=2, limits=WarpLimits(zoom=0.5), seed=1))
    assert _files(tmp_path) == before


def test_an_image_that_changed_meanwhile_is_refused(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out")
    label = sorted(COLORS)[0]
    shutil.copy(data / label / "照片 01.png", data / label / "照片 00.png")

    with pytest.raises(DatasetError, match=r"照片 00\.png' has changed since the run was interrupted"):
        _augment(data, tmp_path / "out")


@pytest.mark.parametrize("name", ["out", "."], ids=["below", "itself"])
def test_the_dataset_itself_is_not_written_into(data: Path, name: str) -> None:
    with pytest.raises(OutputError, match="it is in"):
        _augment(data, data / name)


def test_two_images_that_would_get_one_name_are_refused(data: Path, tmp_path: Path) -> None:
    label = sorted(COLORS)[0]
    shutil.copy(data / label / "照片 00.png", data / label / "照片 00-aug1.png")

    with pytest.raises(DatasetError, match=r"would both be written as '.*照片 00-aug1\.png'; rename one"):
        _augment(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_label_that_is_no_folder_name_is_refused(data: Path, tmp_path: Path) -> None:
    images = sorted(data.rglob("*.png"))
    lines = [f"{path}\t{label}" for path, label in zip(images[:2], ["../up", "down"], strict=True)]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(DatasetError, match=r"label '\.\./up' cannot be the name of a folder"):
        _augment(tmp_path / "list.txt", tmp_path / "out")


@pytest.mark.parametrize("changes", [{"copies": 0}, {"copies": 1, "seed": -1}], ids=str)
def test_settings_out_of_range_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(DatasetError, match="copies must be at least 1 and seed at least 0"):
        AugmentSettings(**changes)


def test_the_settings_stand_in_the_manifest(data: Path, tmp_path: Path) -> None:
    _augment(data, tmp_path / "out")

    head = json.loads((tmp_path / "out" / MANIFEST).read_text(encoding="utf-8").splitlines()[0])
    assert head["settings"]["data"] == str(data)
    assert head["settings"]["limits"]["rotation_deg"] == 15
    assert head["settings"]["seed"] == 4
