"""edgecls data check."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scenes import write_scene

from edgecls.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for index, label in enumerate(("花", "tulips")):
        for number in range(3):
            write_scene(tmp_path / "data" / label / f"{number}.png", 10 * index + number)
    return tmp_path / "data"


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["data", "check", *map(str, arguments)])


def test_good_data_gives_one_line_and_exit_code_0(data: Path) -> None:
    done = _run(data)

    assert (done.exit_code, done.stdout, done.stderr) == (0, "6 images of 2 labels: nothing found\n", "")


def test_each_finding_is_a_line_and_the_exit_code_is_1(data: Path) -> None:
    write_scene(data / "花" / "复制🐱.png", 0)
    (data / "花" / "two\nlines.jpg").write_bytes(b"notes")

    done = _run(data)

    unreadable, duplicate, summary = done.stdout.splitlines()
    assert done.exit_code == 1
    assert unreadable.startswith(f"unreadable       {data}/花/two?lines.jpg  it is not an image")
    assert duplicate.startswith(f"exact_duplicate  {data}/花/复制🐱.png  the same bytes")
    assert duplicate.endswith(f": {data}/花/0.png")
    assert summary == "8 images of 2 labels: 1 unreadable, 1 exact_duplicate"


def test_json_is_one_document(data: Path) -> None:
    write_scene(data / "tulips" / "复制.png", 0)

    done = _run(data, "--format", "json")

    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert document["summary"] == {
        "images": 7,
        "labels": ["tulips", "花"],
        "findings": 2,
        "kinds": {**dict.fromkeys(document["summary"]["kinds"], 0), "label_conflict": 2},
    }
    assert document["findings"][0]["path"] == str(data / "tulips" / "复制.png")
    assert document["findings"][0]["other"] == str(data / "花" / "0.png")
    assert "复制" in done.stdout


def test_quarantine_and_restore(data: Path, tmp_path: Path) -> None:
    write_scene(data / "花" / "复制.png", 0)

    done = _run(data, "--quarantine", tmp_path / "q")

    assert (done.exit_code, done.stderr) == (1, f"moved 1 file to {tmp_path}/q\n")
    assert (tmp_path / "q" / "花" / "复制.png").is_file()
    assert _run(data).exit_code == 0
    done = _run("--restore", tmp_path / "q")
    assert (done.exit_code, done.stdout) == (0, f"put 1 file back into {data}\n")
    assert (data / "花" / "复制.png").is_file()


def test_what_cannot_be_put_back_is_told(data: Path, tmp_path: Path) -> None:
    write_scene(data / "花" / "复制.png", 0)
    _run(data, "--quarantine", tmp_path / "q")
    write_scene(data / "花" / "复制.png", 50)

    done = _run("--restore", tmp_path / "q")

    assert (done.exit_code, done.stdout) == (1, f"put 0 files back into {data}\n")
    assert "another file is in its place" in done.stderr


def test_without_quarantine_nothing_is_changed(data: Path) -> None:
    write_scene(data / "花" / "复制.png", 0)
    before = sorted(data.rglob("*"))

    _run(data)

    assert sorted(data.rglob("*")) == before


def test_the_smallest_side_can_be_set(data: Path) -> None:
    assert _run(data, "--min-side", "90").exit_code == 0
    assert "120x90 pixels; a side should have at least 91" in _run(data, "--min-side", "91").stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["data", "--restore", "q"], ["--restore", "q", "--quarantine", "q"], ["data", "--near-distance", "97"]],
    ids=["nothing", "both", "there-and-back", "too-far"],
)
def test_a_wrong_command_line_has_exit_code_2(arguments: list[str]) -> None:
    assert _run(*arguments).exit_code == 2


def test_a_missing_dataset_is_an_error(tmp_path: Path) -> None:
    done = _run(tmp_path / "gone")

    assert done.exit_code == 1
    assert "there is no dataset" in done.stderr
