"""Dividing a dataset into train, val and test."""

import hashlib
import io
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scenes import scene, write_scene

from edgecls import image
from edgecls.dataset.augmentation.lineage import MANIFEST
from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.splits import write as module
from edgecls.dataset.splits.rare_labels import RareLabels
from edgecls.dataset.splits.series import series_in_names
from edgecls.dataset.splits.split import SplitResult, split_dataset
from edgecls.dataset.splits.write import SplitFormat, write_splits
from edgecls.errors import DatasetError, OutputError

LABELS = ("tulips", "玫瑰🌹")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two class folders of ten images each, two of them in folders of their own."""
    for index, label in enumerate(LABELS):
        for number in range(10):
            write_scene(
                tmp_path / "data" / label / ("deep" if number < 2 else "") / f"{number} 号.png", 10 * index + number
            )
    return tmp_path / "data"  # fmt: skip


def _split(
    data: Path,
    out: Path,
    ratios: tuple[float, ...] = (80, 20),
    split_format: SplitFormat = SplitFormat.COPIES,
    seed: int = 0,
    **options: Any,
) -> SplitResult:
    return split_dataset(data, out, ratios, seed=seed, split_format=split_format, workers=2, **options)


def _contents(dataset: Dataset) -> dict[str, dict[tuple[str, str], int]]:
    """Return for each split how often it has each image, by label and digest."""
    return {
        name: Counter(
            (split.labels[label_id], hashlib.sha256(path.read_bytes()).hexdigest())
            for path, label_id in zip(split.paths, split.label_ids, strict=True)
        )
        for name, split in dataset.splits.items()
    }


@pytest.mark.parametrize("split_format", SplitFormat)
@pytest.mark.parametrize(
    ("ratios", "sizes"), [((80, 20), [16, 4]), ((70, 30), [14, 6]), ((60, 20, 20), [12, 4, 4])], ids=str
)
def test_what_is_written_reads_back_as_it_was_divided(
    data: Path, tmp_path: Path, split_format: SplitFormat, ratios: tuple[float, ...], sizes: list[int]
) -> None:
    result = _split(data, tmp_path / "out 出", ratios, split_format)

    written = read_dataset(tmp_path / "out 出")
    assert list(written.splits) == ["train", "val", "test"][: len(ratios)]
    assert [len(split.paths) for split in written.splits.values()] == sizes
    assert _contents(written) == _contents(result.dataset)
    for split, size in zip(written.splits.values(), sizes, strict=True):
        assert list(split.counts.values()) == [size // 2, size // 2]
    assert sorted(result.dataset.whole.paths) == sorted(data.rglob("*.png"))


def test_the_seed_decides(data: Path, tmp_path: Path) -> None:
    contents = [_contents(_split(data, tmp_path / str(run), seed=seed).dataset) for run, seed in enumerate((5, 5, 6))]

    assert contents[0] == contents[1] != contents[2]


def test_parts_are_divided_anew_and_names_are_numbered_where_they_meet(data: Path, tmp_path: Path) -> None:
    for label in LABELS:
        write_scene(data / label / "0 号.png", 70 + len(label))
    _split(data, tmp_path / "first")

    _split(tmp_path / "first", tmp_path / "second", (50, 50))

    second = read_dataset(tmp_path / "second")
    assert [len(split.paths) for split in second.splits.values()] == [12, 10]
    names = sorted(path.name for path in second.whole.paths if path.name.startswith("0"))
    assert len(second.whole.paths) == 22
    assert set(names) <= {"0 号.png", "0 号-2.png"}


def test_names_that_some_systems_take_for_one_get_numbers(tmp_path: Path) -> None:
    names = ("A.png", "a.png", "é.png", "e\u0301.png")
    paths = tuple(write_scene(tmp_path / str(index) / name, index) for index, name in enumerate(names))
    images = LabelledImages(("a", "b"), paths, (0, 0, 0, 0))

    write_splits(tmp_path / "out", images, {"train": [0, 1, 2, 3]}, SplitFormat.COPIES)

    written = {path.name: path.read_bytes() for path in (tmp_path / "out" / "train" / "a").iterdir()}
    expected = ("A.png", "a-2.png", "é.png", "e\u0301-2.png")
    assert written == {name: path.read_bytes() for name, path in zip(expected, paths, strict=True)}


@pytest.mark.parametrize("seed", range(5))
def test_what_looks_alike_or_has_one_source_is_kept_together(data: Path, tmp_path: Path, seed: int) -> None:
    for number in range(6):
        # An equal file, a lossy copy, and a copy that looks different but was made from the same image.
        (data / "tulips" / f"equal-{number}.png").write_bytes((data / "tulips" / f"{number + 2} 号.png").read_bytes())
        stream = io.BytesIO()
        Image.fromarray(scene(12 + number)).save(stream, "JPEG", quality=70)
        (data / "玫瑰🌹" / f"near-{number}.jpg").write_bytes(stream.getvalue())
        write_scene(data / "玫瑰🌹" / f"made-{number}.png", 100 + number)
    lines: list[dict[str, object]] = [{"edgecls_augment": 1, "settings": {}}]
    for number in range(6):
        source = data / "玫瑰🌹" / f"{number + 2} 号.png"
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
        output = f"玫瑰🌹/made-{number}.png"
        lines.append({"output": output, "source": source.name, "source_sha256": sha256, "transform": {"shear": 9}})
    (data / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))

    result = _split(data, tmp_path / "out", (60, 40), seed=seed)

    assert (result.groups, result.grouped_images) == (12, 30)
    part_of = {
        path.relative_to(data).as_posix(): name for name, split in result.dataset.splits.items() for path in split.paths
    }
    for number in range(6):
        assert part_of[f"tulips/equal-{number}.png"] == part_of[f"tulips/{number + 2} 号.png"]
        assert part_of[f"玫瑰🌹/near-{number}.jpg"] == part_of[f"玫瑰🌹/{number + 2} 号.png"]
        assert part_of[f"玫瑰🌹/made-{number}.png"] == part_of[f"玫瑰🌹/{number + 2} 号.png"]  # fmt: skip


def test_blank_images_are_dealt_out_one_by_one_and_damaged_ones_left_out(data: Path, tmp_path: Path) -> None:
    for number in range(4):
        blank = np.full((40, 40 + number, 3), 200, np.uint8)
        (data / "tulips" / f"blank-{number}.png").write_bytes(image.encode_png(blank))
        (data / "玫瑰🌹" / f"damaged-{number}.png").write_bytes(b"no image")
    (data / "tulips" / "broken link.png").symlink_to("nowhere.png")

    result = _split(data, tmp_path / "out")

    assert (result.groups, len(result.failures)) == (0, 5)
    assert len(result.dataset.whole.paths) == 24
    assert all(str(data) in str(failure) for failure in result.failures)
    assert len(list((tmp_path / "out").rglob("*.png"))) == 24


def test_all_labels_with_too_few_groups_are_named_at_once_with_the_ways_out(data: Path, tmp_path: Path) -> None:
    for label, count in (("lone", 1), ("pair", 2)):
        for number in range(count):
            write_scene(data / label / f"{number}.png", 50 + 7 * count + number)

    with pytest.raises(DatasetError, match=r"'lone' has 1 .*'pair' has 2.*--keep-rare-in-train.*--leave-out-rare"):
        _split(data, tmp_path / "out", (60, 20, 20))

    kept = _split(data, tmp_path / "kept", (60, 20, 20), rare=RareLabels.KEEP_IN_TRAIN)
    assert kept.rare_kept == ("lone", "pair")
    assert [split.counts["pair"] for split in read_dataset(tmp_path / "kept").splits.values()] == [2, 0, 0]

    without = _split(data, tmp_path / "without", (60, 20, 20), rare=RareLabels.LEAVE_OUT)
    assert without.rare_left_out == ("lone", "pair")
    assert read_dataset(tmp_path / "without").labels == LABELS


def test_a_dataset_of_rare_labels_alone_is_refused(tmp_path: Path) -> None:
    for number in range(4):
        write_scene(tmp_path / "data" / f"label {number}" / "1.png", number)

    for rare in RareLabels:
        with pytest.raises(DatasetError, match=r"few|are needed for 2 splits"):
            _split(tmp_path / "data", tmp_path / "out", rare=rare)


def _series(root: Path, *, labels: int = 2, series: int = 6, frames: int = 4) -> Path:
    """Write series of frames that show one scene in changing light and size, named as cameras do."""
    for label in range(labels):
        for number in range(series):
            for frame in range(frames):
                pixels = scene(100 * label + number)[2 * frame : 64 - 2 * frame, 2 * frame : 64 - 2 * frame]
                pixels = (pixels * (1 - 0.1 * frame)).astype(np.uint8)
                path = root / f"sign {label}" / f"{number:05d}_{frame:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(image.encode_png(pixels))
    return root


def _torn(dataset: Dataset) -> int:
    """Return how many held-out images have one of the same label and series in train."""
    names = {
        name: {(path.parent.name, path.name[:5]) for path in split.paths} for name, split in dataset.splits.items()
    }
    return sum(
        (path.parent.name, path.name[:5]) in names["train"]
        for name, split in dataset.splits.items()
        for path in split.paths
        if name != "train"
    )


def test_series_are_suggested_and_what_is_torn_is_counted(tmp_path: Path) -> None:
    data = _series(tmp_path / "data")

    torn = _split(data, tmp_path / "torn", (50, 25, 25), near_distance=0)
    assert torn.series is not None
    whole = _split(data, tmp_path / "whole", (50, 25, 25), near_distance=0, group_by=torn.series.pattern)

    assert torn.series.example == ("00000_00000.png", "00000_00001.png")
    assert _torn(torn.dataset) == sum(leak.same_series or 0 for leak in torn.leaks.values()) > 0
    assert sum(leak.alike for leak in torn.leaks.values()) > sum(leak.alike for leak in whole.leaks.values())
    assert _torn(whole.dataset) == 0
    assert [leak.same_series for leak in whole.leaks.values()] == [0, 0]
    assert whole.series is None
    assert whole.groups == 12


@pytest.mark.parametrize("rule", [r"^(\d+)_", r"^\d+", r"([^/]+/\d+)_"])
def test_images_with_the_same_groups_of_a_pattern_stay_together(tmp_path: Path, rule: str) -> None:
    result = _split(_series(tmp_path / "data"), tmp_path / "out", (50, 50), group_by=rule)

    assert _torn(result.dataset) == 0


def test_images_with_the_same_cell_of_a_column_stay_together(tmp_path: Path) -> None:
    data = _series(tmp_path / "data")
    rows = [f"{path.relative_to(data)},{path.parent.name},{path.name[:5]}\n" for path in sorted(data.rglob("*.png"))]
    (data / "list.csv").write_text("path,label,Camera\n" + "".join(rows))

    for out, rule in (("1", "camera"), ("2", "column:Camera")):
        assert _torn(_split(data / "list.csv", tmp_path / out, (50, 50), group_by=rule).dataset) == 0


def test_images_in_one_folder_stay_together(tmp_path: Path) -> None:
    for seed in range(32):
        folder = tmp_path / "data" / "ab"[seed % 2] / ("", "1", "2", "3")[seed // 2 % 4]
        write_scene(folder / f"{seed}.png", seed)

    result = _split(tmp_path / "data", tmp_path / "out", (50, 50), near_distance=0, group_by="folder")

    folders = [{path.parent for path in split.paths} for split in result.dataset.splits.values()]
    assert folders[0] & folders[1] <= {tmp_path / "data" / "a", tmp_path / "data" / "b"}
    assert result.ungrouped == 8


def test_groups_may_have_the_same_names_in_every_label(tmp_path: Path) -> None:
    for seed in range(24):
        write_scene(tmp_path / "data" / ("wren", "robin")[seed % 2] / f"nest {seed // 2 % 4}" / f"{seed}.png", seed)

    result = _split(tmp_path / "data", tmp_path / "out", (50, 50), near_distance=0, group_by="folder")

    assert result.dataset.labels == ("robin", "wren")
    folders = [{path.parent for path in split.paths} for split in result.dataset.splits.values()]
    assert not folders[0] & folders[1]
    assert result.groups == 8  # nests of one name in two labels are two
    with pytest.raises(DatasetError, match="divide them with edgecls data split --group-by folder"):
        _split(tmp_path / "data", tmp_path / "another")


def test_splits_within_labels_are_no_groups(tmp_path: Path) -> None:
    for seed in range(8):
        write_scene(
            tmp_path / "data" / ("wren", "robin")[seed % 2] / ("train", "test")[seed // 4] / f"{seed}.png", seed
        )

    with pytest.raises(DatasetError, match="which look like splits"):
        _split(tmp_path / "data", tmp_path / "out", group_by="folder")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("(", "not a regular expression"),
        ("^(frame)", "matches no name, such as '00000_00000.png'"),
        ("column:x", "not a CSV file with such a column"),
        ("folder", "no image is in a folder below"),
    ],
)
def test_a_rule_that_groups_nothing_is_refused(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        _split(_series(tmp_path / "data", series=3, frames=1), tmp_path / "out", group_by=rule)


def test_series_that_each_label_counts_anew_are_hinted_at(tmp_path: Path) -> None:
    data = _series(tmp_path / "data", series=1, frames=6)

    with pytest.raises(DatasetError, match="if each label numbers its series from the start"):
        _split(data, tmp_path / "out", group_by=r"^(\d+)_")


@pytest.mark.parametrize(
    ("names", "is_series"),
    [
        ([f"00{series}_000{frame}.png" for series in range(4) for frame in range(4)], True),
        ([f"clip{series}-frame{frame}.png" for series in range(4) for frame in range(4)], True),
        ([f"{name}_{frame:02d}.png" for name in ("anna", "ben", "eva") for frame in range(4)], True),
        ([f"rose_{number}.png" for number in range(16)], False),
        ([f"{number:06d}.png" for number in range(16)], False),
        ([f"{number * 7919:08x}_n.png" for number in range(16)], False),
    ],
)
def test_series_are_told_from_other_names(names: list[str], is_series: bool) -> None:
    images = LabelledImages(
        ("a", "b"), tuple(Path(label, name) for label in "ab" for name in names), (0,) * len(names) + (1,) * len(names)
    )

    assert (series_in_names(images) is not None) == is_series


def test_links_need_no_space_and_lead_to_the_images(data: Path, tmp_path: Path) -> None:
    (data / "tulips" / "link.png").symlink_to("deep/0 号.png")
    (data / "tulips" / "deep" / "0 号.png").rename(data / "tulips" / "real.png")
    (data / "tulips" / "link.png").unlink()
    (data / "tulips" / "link.png").symlink_to(tmp_path / "elsewhere.png")
    write_scene(tmp_path / "elsewhere.png", 90)

    _split(data, tmp_path / "out", split_format=SplitFormat.LINKS)

    for path in (tmp_path / "out").rglob("*.png"):
        assert path.stat().st_nlink == 2
        assert not path.is_symlink()
    (found,) = (tmp_path / "out").rglob("link.png")
    assert found.samefile(tmp_path / "elsewhere.png")


def test_links_to_another_file_system_are_symbolic(data: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == data.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    out = memory / f"edgecls-test-{os.getpid()}"
    try:
        result = _split(data, out, split_format=SplitFormat.LINKS)
        assert all(path.is_symlink() for path in out.rglob("*.png"))
        assert _contents(read_dataset(out)) == _contents(result.dataset)
    finally:
        module.shutil.rmtree(out, ignore_errors=True)


def test_an_empty_folder_may_be_there(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    _split(data, tmp_path / "out")

    assert read_dataset(tmp_path / "out").validation is not None


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_what_fails_or_is_stopped_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    real, left = module.shutil.copy2, [5]

    def copy(source: Path, target: Path) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise failure
        return real(source, target)

    monkeypatch.setattr(module.shutil, "copy2", copy)

    with pytest.raises((OutputError, KeyboardInterrupt)):
        _split(data, tmp_path / "out")

    assert os.listdir(tmp_path) == ["data"]


def test_a_folder_that_has_something_in_it_is_refused_before_anything_is_read(data: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").touch()

    with pytest.raises(OutputError, match="exists already"):
        split_dataset(
            data,
            tmp_path / "out",
            (80, 20),
            seed=0,
            split_format=SplitFormat.LISTS,
            workers=1,
            on_read=lambda done, total: pytest.fail("it has begun"),
        )
    assert os.listdir(tmp_path / "out") == ["thesis.docx"]


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("data/out", "in the dataset"),
        ("no/such/out", "not a writable"),
        ("data/tulips/3 号.png", "in the dataset"),
    ],
    ids=["in-the-dataset", "no-parent", "a-file"],
)
def test_a_place_that_cannot_be_written_is_refused(data: Path, tmp_path: Path, out: str, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        _split(data, tmp_path / out)


@pytest.mark.parametrize("ratios", [(100,), (25, 25, 25, 25)], ids=str)
def test_two_or_three_splits_can_be_made(data: Path, tmp_path: Path, ratios: tuple[float, ...]) -> None:
    with pytest.raises(DatasetError, match="give two shares"):
        _split(data, tmp_path / "out", ratios)


def test_a_label_with_too_few_groups_is_named(data: Path, tmp_path: Path) -> None:
    for number in range(10):
        write_scene(data / "空" / f"{number}.png", 99)

    with pytest.raises(DatasetError, match="label '空' has 1 image"):
        _split(data, tmp_path / "out")
    assert os.listdir(tmp_path) == ["data"]


def _csv(folder: Path, rows: list[tuple[str, str]]) -> Path:
    lines = [f'"{path}","{label}"\n' for path, label in rows]
    (folder / "list.csv").write_text("path,label\n" + "".join(lines), encoding="utf-8")
    return folder / "list.csv"


@pytest.mark.parametrize(
    ("name", "label", "split_format", "message"),
    [
        ("a.png", "a/b", SplitFormat.COPIES, "label 'a/b' cannot be the name of a folder.*--as lists"),
        ("a.png", ".hidden", SplitFormat.LINKS, "cannot be the name of a folder"),
        ("photo", "a", SplitFormat.COPIES, "ignored in a class folder.*--as lists"),
        (".a.png", "a", SplitFormat.COPIES, "ignored in a class folder"),
        ("a\tb.png", "a", SplitFormat.LISTS, "cannot be written into a list.*--as copies"),
        ("a\nb.png", "a", SplitFormat.LISTS, "cannot be written into a list"),
    ],
    ids=["label-with-slash", "hidden-label", "no-suffix", "hidden-file", "tab", "line-break"],
)
def test_names_that_cannot_be_written_in_a_form_are_refused(
    tmp_path: Path, name: str, label: str, split_format: SplitFormat, message: str
) -> None:
    rows = [("b.png", "b"), ("c.png", "b"), (name, label), ("d.png", label)]
    for seed, (path, _) in enumerate(rows):
        write_scene(tmp_path / path, seed)

    with pytest.raises(DatasetError, match=message):
        _split(_csv(tmp_path, rows), tmp_path / "out", (50, 50), split_format)
    assert not (tmp_path / "out").exists()
