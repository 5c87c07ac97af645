"""edgecls data stats and edgecls data show."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from image_folders import COLORS, write_class_folders

from edgecls import image
from edgecls.cli import main

LABELS = sorted(COLORS)


def _data(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_class_folders(tmp_path / "数据", per_label=3)


def test_stats_are_a_table(root: Path) -> None:
    done = _data("stats", root)

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["label", "images"]
    assert [line.split()[-1] for line in lines[1:5]] == ["3", "3", "3", "9"]
    assert "largest to smallest label: 1.00" in lines
    assert "formats: PNG 9" in lines
    assert "unreadable: 0" in lines
    assert done.stderr == ""


def test_stats_of_splits_have_a_column_for_each(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "splits/train")
    shutil.copytree(write_class_folders(tmp_path / "other", per_label=1, seed=2), tmp_path / "splits/test")

    lines = _data("stats", tmp_path / "splits").stdout.splitlines()

    assert lines[0].split() == ["label", "train", "test", "images"]
    assert lines[4].split() == ["all", "9", "3", "12"]


def test_stats_as_json_say_the_same(root: Path, tmp_path: Path) -> None:
    done = _data("stats", root, "--format", "json", "--plot", tmp_path / "plot.png")

    document = json.loads(done.stdout)
    assert document["counts"] == {"train": dict.fromkeys(LABELS, 3)}
    assert "红" in done.stdout
    assert document["sizes"]["width"]["min"] <= document["sizes"]["width"]["median"]
    assert all(0 < value < 1 for value in document["mean_rgb"] + document["std_rgb"])
    assert image.decode((tmp_path / "plot.png").read_bytes()).shape[1] == 1500


def test_stats_name_what_cannot_be_read(root: Path) -> None:
    (root / LABELS[0] / "照片 00.png").write_text("no image")

    done = _data("stats", root)

    assert done.exit_code == 1
    assert "unreadable: 1" in done.stdout
    assert done.stderr.startswith("unreadable: cannot read")
    assert "照片 00.png" in done.stderr


@pytest.mark.parametrize("command", [["stats", "--plot"], ["show", "-o"]], ids=["stats", "show"])
def test_a_place_that_cannot_be_written_is_found_out_first(root: Path, tmp_path: Path, command: list[str]) -> None:
    done = _data(command[0], root, command[1], tmp_path / "gone" / "plot.png")

    assert done.exit_code == 1
    assert "cannot write" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", [["stats", "--plot"], ["show", "-o"]], ids=["stats", "show"])
def test_without_matplotlib_the_extra_is_named(
    root: Path, tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgecls.plots import fonts

    for cached in (fonts._families, fonts._installed_families, fonts._code_points):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.font_manager", raising=False)

    done = _data(command[0], root, command[1], tmp_path / "plot.png")

    assert done.exit_code == 1
    assert 'pip install "edgecls[data]"' in done.stderr


def test_a_label_that_cannot_be_drawn_is_told_once(root: Path, tmp_path: Path) -> None:
    (root / LABELS[0]).rename(root / "花\u0378")

    done = _data("show", root, "-o", tmp_path / "sheet.png")

    assert done.exit_code == 0
    assert done.stderr.count("no font on this machine") == 1


def test_show_writes_a_sheet(root: Path, tmp_path: Path) -> None:
    done = _data("show", root, "-o", tmp_path / "sheet.png", "--per-label", "2")

    assert done.exit_code == 0
    assert done.stdout == f"wrote {tmp_path / 'sheet.png'}: 6 samples of 3 labels\n"
    pixels = image.decode((tmp_path / "sheet.png").read_bytes())
    assert pixels.shape[0] > 3 * 144


def test_show_augmented_has_a_line_for_each_sample(root: Path, tmp_path: Path) -> None:
    arguments = ["-o", tmp_path / "sheet.png", "--augmented", "--per-label", "3", "--rotation", "90", "--no-flip"]

    done = _data("show", root, *arguments)

    assert done.exit_code == 0
    pixels = image.decode((tmp_path / "sheet.png").read_bytes())
    assert pixels.shape[0] > 9 * 144
    assert pixels.shape[1] > 7 * 144


def test_show_names_what_cannot_be_read(root: Path, tmp_path: Path) -> None:
    (root / LABELS[0] / "照片 00.png").write_text("no image")

    done = _data("show", root, "-o", tmp_path / "sheet.png")

    assert done.exit_code == 1
    assert done.stdout.endswith(": 8 samples of 3 labels\n")
    assert done.stderr.startswith("unreadable: cannot read")


def test_what_is_no_dataset_ends_with_1_and_what_is_not_there_with_2(tmp_path: Path) -> None:
    assert _data("stats", tmp_path).exit_code == 1
    assert _data("show", tmp_path, "-o", tmp_path / "sheet.png").exit_code == 1
    assert _data("stats", tmp_path / "gone").exit_code == 2
