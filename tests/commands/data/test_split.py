"""edgecls data split."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scenes import write_scene

from edgecls.cli import main
from edgecls.dataset.formats.read import read_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for index, label in enumerate(("花", "tulips")):
        for number in range(10):
            write_scene(tmp_path / "data" / label / f"{number}.png", 10 * index + number)
    return tmp_path / "data"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "split", *map(str, arguments)])


def test_the_splits_are_written_and_counted(data: Path, tmp_path: Path) -> None:
    done = _run(data, "-o", tmp_path / "out", "--ratio", "60/20/20")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "   train     val    test\n"
        "       6       2       2  tulips\n"
        "       6       2       2  花\n"
        "      12       4       4  images\n"
        "0 of 4 images in val look much like one in train, as frames of one object do\n"
        "0 of 4 images in test look much like one in train, as frames of one object do\n"
        f"wrote {tmp_path}/out\n"
    )
    assert read_dataset(tmp_path / "out").test is not None


def test_groups_and_damaged_images_are_told(data: Path, tmp_path: Path) -> None:
    write_scene(data / "花" / "复制.png", 0)
    (data / "花" / "坏.png").write_bytes(b"notes")

    done = _run(data, "-o", tmp_path / "out", "--as", "lists")

    assert "kept together: 2 images in 1 group\n" in done.stdout
    assert done.stderr.startswith(f"left out: cannot read '{data}/花/坏.png': it is not an image")
    assert "\t花\n" in (tmp_path / "out" / "train.txt").read_text("utf-8")


def test_what_becomes_of_rare_labels_is_told(data: Path, tmp_path: Path) -> None:
    for label in ("lone", "一"):
        write_scene(data / label / "1.png", 80 + len(label))

    refused = _run(data, "-o", tmp_path / "out")
    kept = _run(data, "-o", tmp_path / "kept", "--keep-rare-in-train")
    without = _run(data, "-o", tmp_path / "without", "--leave-out-rare")

    assert refused.exit_code == 1
    assert "label 'lone' has 1 image(s)" in refused.stderr
    assert "label '一' has 1" in refused.stderr
    assert "only in train, with too few images to be divided: lone, 一\n" in kept.stdout
    assert without.stderr.count("left out: label ") == 2
    assert _run(data, "-o", tmp_path / "x", "--leave-out-rare", "--keep-rare-in-train").exit_code == 2


def test_series_in_the_names_are_suggested_as_groups(tmp_path: Path) -> None:
    for seed in range(48):
        write_scene(tmp_path / "data" / "ab"[seed % 2] / f"{seed // 8:05d}_{seed % 8:05d}.png", seed)

    done = _run(tmp_path / "data", "-o", tmp_path / "out")
    suggested = done.stdout.rpartition("--group-by '")[2].partition("'")[0]
    again = _run(tmp_path / "data", "-o", tmp_path / "again", "--group-by", suggested)

    assert "names look like series (00000_00000.png, 00000_00002.png)" in done.stdout
    assert "images in val share a series in their names with train" in done.stdout
    assert "\n0 of 8 images in val share a series" in again.stdout


@pytest.mark.parametrize("ratio", ["80", "80/10", "80/20/0", "a/b", "25/25/25/25", "120/-20", "nan/20"])
def test_a_ratio_that_is_none_has_exit_code_2(data: Path, tmp_path: Path, ratio: str) -> None:
    done = _run(data, "-o", tmp_path / "out", "--ratio", ratio)

    assert done.exit_code == 2
    assert "add up to 100" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_an_error(data: Path, tmp_path: Path) -> None:
    done = _run(data, "-o", tmp_path)

    assert done.exit_code == 1
    assert "exists already" in done.stderr
