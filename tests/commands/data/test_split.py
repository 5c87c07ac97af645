"""edgecls data split."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scenes import write_scene

from edgecls.cli import main
from edgecls.dataset.forms.read import read_dataset


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for index, label in enumerate(("花", "tulips")):
        for number in range(10):
            write_scene(tmp_path / "data" / label / f"{number}.png", 10 * index + number)
    return tmp_path / "data"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "split", *map(str, arguments)])


def test_the_parts_are_written_and_counted(data: Path, tmp_path: Path) -> None:
    done = _run(data, "-o", tmp_path / "out", "--ratio", "60/20/20")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "   train     val    test\n"
        "       6       2       2  tulips\n"
        "       6       2       2  花\n"
        "      12       4       4  pictures\n"
        f"wrote {tmp_path}/out\n"
    )
    assert read_dataset(tmp_path / "out").test is not None


def test_groups_and_damaged_pictures_are_told(data: Path, tmp_path: Path) -> None:
    write_scene(data / "花" / "复制.png", 0)
    (data / "花" / "坏.png").write_bytes(b"notes")

    done = _run(data, "-o", tmp_path / "out", "--as", "lists")

    assert "kept together: 2 pictures in 1 groups\n" in done.stdout
    assert done.stderr == "1 pictures cannot be decoded; see edgecls data check\n"
    assert "\t花\n" in (tmp_path / "out" / "train.txt").read_text("utf-8")


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
