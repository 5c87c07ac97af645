"""Samples to be looked at."""

from pathlib import Path

import numpy as np
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.dataset.augmentation.warp import WarpLimits
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.samples import LabelSamples, draw_samples
from edgecls.image_spec import Color, Fit, ImageSpec

LABELS = sorted(COLORS)
SPEC = ImageSpec(24, 24, Color.RGB, Fit.CROP)


def _plain(images: LabelledImages, *, per_label: int = 3, seed: int = 0) -> list[LabelSamples]:
    return list(draw_samples(images, per_label=per_label, side=24, seed=seed, workers=2))


def _shown(samples: list[LabelSamples]) -> list[bytes]:
    return [image.tobytes() for of_label in samples for row in of_label.rows for image in row]


def test_samples_belong_to_their_label_and_differ(tmp_path: Path) -> None:
    images = read_dataset(write_class_folders(tmp_path, per_label=6)).whole
    fitted = {
        image.decode_to_fit(path.read_bytes(), SPEC).tobytes(): images.labels[label_id]
        for path, label_id in zip(images.paths, images.label_ids, strict=True)
    }

    samples = _plain(images)

    assert [(of_label.label, of_label.total, len(of_label.rows)) for of_label in samples] == [
        (label, 6, 3) for label in LABELS
    ]
    assert [fitted[shown] for shown in _shown(samples)] == [label for label in LABELS for _ in range(3)]
    assert len(set(_shown(samples))) == 9


def test_the_seed_decides(tmp_path: Path) -> None:
    images = read_dataset(write_class_folders(tmp_path, per_label=12)).whole

    assert _shown(_plain(images)) == _shown(_plain(images))
    assert _shown(_plain(images)) != _shown(_plain(images, seed=1))


def test_another_image_takes_the_place_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=4)
    for number in (0, 1):
        (root / LABELS[1] / f"照片 0{number}.png").write_text("no image")

    samples = _plain(read_dataset(root).whole, per_label=4)

    assert [len(of_label.rows) for of_label in samples] == [4, 2, 4]
    assert [len(of_label.failures) for of_label in samples] == [0, 2, 0]


def test_augmented_versions_follow_the_image(tmp_path: Path) -> None:
    images = read_dataset(write_class_folders(tmp_path, per_label=3)).whole
    samples = list(draw_samples(images, per_label=2, versions=4, limits=WarpLimits(), side=24, seed=0, workers=2))

    plain = _plain(images, per_label=2)
    for of_label, without in zip(samples, plain, strict=True):
        for row, (original,) in zip(of_label.rows, without.rows, strict=True):
            assert len({image.tobytes() for image in row}) == 5
            np.testing.assert_allclose(row[0].mean(axis=(0, 1)), original.mean(axis=(0, 1)), atol=6)


def test_limits_of_nothing_show_the_image_again(tmp_path: Path) -> None:
    images = read_dataset(write_class_folders(tmp_path, per_label=1)).whole
    none = WarpLimits(rotation_deg=0, shift=0, shear_deg=0, zoom=0, flip=False)

    for of_label in draw_samples(images, per_label=1, versions=2, limits=none, side=24, seed=0, workers=1):
        for original, *versions in of_label.rows:
            assert all(np.array_equal(original, version) for version in versions)
