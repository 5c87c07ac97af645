"""Statistics of a dataset: exact, upright sizes, unreadable images apart."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from encoded_images import encodings
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.statistics import ColorMoments, DatasetStatistics, ImageSize, measure_dataset
from edgecls.errors import DatasetError

LABELS = sorted(COLORS)


def _measure(root: Path, *, workers: int = 2) -> DatasetStatistics:
    return measure_dataset(read_dataset(root), workers=workers)


def test_mean_and_deviation_are_those_of_all_pixels(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=4)
    pixels = np.concatenate([image.decode(path.read_bytes()).reshape(-1, 3) for path in root.rglob("*.png")]) / 255

    moments = _measure(root).moments

    assert moments.pixels == len(pixels)
    np.testing.assert_allclose(moments.mean_rgb, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.std_rgb, pixels.std(axis=0), rtol=1e-12)


def test_sums_stay_exact_where_floats_would_not() -> None:
    many = ColorMoments(10**15, (255 * 10**15,) * 3, (255**2 * 10**15,) * 3)

    assert many.std_rgb == (0, 0, 0)
    assert (many + ColorMoments(1, (0, 0, 0), (0, 0, 0))).sums == (255 * 10**15,) * 3


def test_the_number_of_workers_does_not_matter(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=5)

    assert _measure(root, workers=1) == _measure(root, workers=4)


def test_sizes_are_upright_and_formats_counted(tmp_path: Path) -> None:
    kinds = encodings()
    for name, label in (("jpeg", "a"), ("jpeg-orientation-6", "a"), ("png-gray", "b"), ("webp-lossy", "b")):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{name}.jpg").write_bytes(kinds[name].data)

    measured = _measure(tmp_path)

    assert measured.sizes[:2] == (
        ImageSize(36, 52, len(kinds["jpeg-orientation-6"].data), "JPEG"),
        ImageSize(52, 36, len(kinds["jpeg"].data), "JPEG"),
    )
    assert measured.formats == {"JPEG": 2, "PNG": 1, "WebP": 1}
    assert measured.spreads["width"][1] == 52
    assert measured.spreads["height"][2] == 52
    assert measured.spreads["megapixels"][0] == pytest.approx(36 * 52 / 1e6)


def test_balance_and_counts_are_over_all_splits(tmp_path: Path) -> None:
    shutil.copytree(write_class_folders(tmp_path / "one", per_label=3), tmp_path / "data/train")
    shutil.copytree(write_class_folders(tmp_path / "two", per_label=1, seed=3), tmp_path / "data/val")
    shutil.rmtree(tmp_path / "data/val" / LABELS[0])

    measured = _measure(tmp_path / "data")

    assert measured.counts["val"] == {LABELS[0]: 0, LABELS[1]: 1, LABELS[2]: 1}
    assert measured.totals == {LABELS[0]: 3, LABELS[1]: 4, LABELS[2]: 4}
    assert measured.imbalance == pytest.approx(4 / 3)


def test_unreadable_images_are_counted_apart(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, per_label=2)
    broken = root / LABELS[0] / "照片 00.png"
    broken.write_bytes(broken.read_bytes()[:-30])

    measured = _measure(root)

    assert len(measured.sizes) == 5
    assert [str(broken) in str(failure) for failure in measured.failures] == [True]
    assert measured.totals[LABELS[0]] == 2


def test_a_dataset_without_a_readable_image_is_refused(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.jpg").write_text("no image")

    with pytest.raises(DatasetError, match="none of the 2 images can be read; the first fault: cannot read"):
        _measure(tmp_path)


def test_progress_counts_every_image(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    dataset = read_dataset(write_class_folders(tmp_path, per_label=2))

    measure_dataset(dataset, workers=2, on_progress=lambda done, total: seen.append((done, total)))

    assert seen == [(done, 6) for done in range(1, 7)]
