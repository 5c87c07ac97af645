"""edgecls data review: its formats, its page, its decisions."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from image_folders import write_class_folders

from edgecls.cli import main


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_class_folders(tmp_path_factory.mktemp("review") / "data", per_label=8)
    first, second, _ = sorted(root.iterdir())
    sorted(first.iterdir())[0].rename(second / "wrong.png")
    return root


def _review(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["data", "review", *map(str, arguments)])


def test_the_table_names_the_image_and_the_label_it_should_have(source: Path) -> None:
    found = _review(source)

    first, second, _ = sorted(folder.name for folder in source.iterdir())
    assert found.exit_code == 0, found.output
    (line,) = [line for line in found.stdout.splitlines() if "wrong.png" in line]
    assert first in line.replace(str(source), "")
    assert second in line
    assert "expected to have a wrong label" in found.stdout.splitlines()[-1]


def test_a_csv_file_is_filled_in_and_applied_and_undone(source: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(source, tmp_path / "data"))
    first, second, _ = sorted(folder.name for folder in data.iterdir())
    written = _review(data, "--format", "csv", "-o", tmp_path / "r.csv", "--sheet", tmp_path / "r.html", "--top", "1")
    assert written.exit_code == 0, written.output
    assert written.stdout == ""
    assert "<html" in (tmp_path / "r.html").read_text(encoding="utf-8")
    text = (tmp_path / "r.csv").read_text(encoding="utf-8")
    assert text.count("\n") == 2
    (tmp_path / "r.csv").write_text(text.replace(",,\n", ",relabel,\n"), encoding="utf-8")

    applied = _review(data, "--decisions", tmp_path / "r.csv", "--quarantine", tmp_path / "out")

    assert applied.stdout == "relabelled 1, removed 0, kept 0, undecided 0\n"
    assert f"--restore {tmp_path / 'out'}" in applied.stderr
    assert (data / first / "wrong.png").exists()
    undone = _review("--restore", tmp_path / "out")
    assert "put 1 file back" in undone.stdout
    assert (data / second / "wrong.png").exists()


def test_images_that_are_kept_are_not_listed_again(source: Path, tmp_path: Path) -> None:
    _, second, _ = sorted(folder.name for folder in source.iterdir())
    (tmp_path / "r.csv").write_text(f"path,decision\n{second}/wrong.png,keep\n{second}/gone.png,keep\n", "utf-8")

    found = _review(source, "--reviewed", tmp_path / "r.csv")

    assert found.exit_code == 0, found.output
    assert "wrong.png" not in found.stdout


def test_json_has_everything(source: Path) -> None:
    found = json.loads(_review(source, "--format", "json", "--min-wrong", "0.5").stdout)

    assert found["summary"]["images"] == 24
    (image,) = [one for one in found["images"] if one["path"].endswith("wrong.png")]
    assert image["reasons"] == ["label"]
    assert found["summary"]["expected_wrong"] >= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either DATA or --restore"),
        (("{data}", "--restore", "x"), "give either DATA or --restore"),
        (("{data}", "--quarantine", "x"), "--quarantine goes with --decisions"),
    ],
    ids=["nothing", "both", "quarantine alone"],
)
def test_options_that_do_not_go_together_are_refused(arguments: tuple[str, ...], message: str, source: Path) -> None:
    found = _review(*(argument.format(data=source) for argument in arguments))

    assert found.exit_code == 2
    assert message in found.stderr
