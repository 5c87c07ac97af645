"""edgecls run -o: files of results that are gone on with after a kill, and --xmp."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from familiar_model import DARK_RED, GREY, colored, familiar_model_bytes

from edgecls.cli import main
from edgecls.results.results_file import ResultsFile
from edgecls.results.rows import Row
from edgecls.xmp import add_keywords, read_keywords, sidecar_path

MANY = 60
IN_TIME_S = 120


@pytest.fixture(autouse=True)
def use_the_tiny_model(monkeypatch: pytest.MonkeyPatch, tiny_model_path: Path) -> None:
    monkeypatch.setenv("EDGECLS_MODEL", str(tiny_model_path))


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / f"results.{request.param}"


@pytest.fixture
def many(images: Path) -> Path:
    """A folder with many images, one of them broken."""
    red = (images / "red.png").read_bytes()
    for number in range(MANY - 4):
        (images / f"{number}.png").write_bytes(red)
    (images / "notes.png").write_text("these are notes")
    return images


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def _names(path: Path) -> list[str]:
    if path.suffix == ".jsonl":
        return [json.loads(line)["image"] for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as stream:
            return [row["image"] for row in csv.DictReader(stream)]
    import pyarrow.parquet

    names: list[str] = pyarrow.parquet.read_table(path)["image"].to_pylist()
    return names


def test_answers_and_errors_go_to_the_file_and_nothing_to_standard_output(many: Path, path: Path) -> None:
    done = _run(many, "-o", path)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{MANY - 1} images: red {MANY - 3}, blue 1, green 1",
        "1 image could not be classified, its row has the error; the same command tries again",
        f"wrote {MANY} rows to {path}",
    ]
    assert _names(path) == sorted(str(file) for file in many.iterdir())


def test_json_lines_and_csv_are_those_of_standard_output(many: Path, tmp_path: Path) -> None:
    for output_format, ending in (("json", "jsonl"), ("csv", "csv")):
        path = tmp_path / f"results.{ending}"
        _run(many, "-o", path, "--top", "2")
        printed = _run(many, "--format", output_format, "--top", "2").stdout.splitlines()
        written = path.read_text(encoding="utf-8").splitlines()
        assert len(written) == len(printed)
        if output_format == "csv":
            assert written[0] == printed[0]
            pairs = zip(csv.DictReader(written), csv.DictReader(printed), strict=True)
        else:
            pairs = zip(map(json.loads, written), map(json.loads, printed), strict=True)
        assert all({**one, "time_ms": 0} == {**other, "time_ms": 0} for one, other in pairs)


def test_a_run_that_is_killed_again_and_again_is_gone_on_with(many: Path, path: Path) -> None:
    growing = path if path.suffix != ".parquet" else path.with_name(f"{path.name}.run") / "rows.jsonl"
    for rows in (1, 10, 35):
        program = subprocess.Popen(
            [sys.executable, "-m", "edgecls", "run", str(many), "-o", str(path), "--threads", "2"],
            stderr=subprocess.DEVNULL,
        )
        try:
            give_up_s = time.monotonic() + IN_TIME_S
            while program.poll() is None and time.monotonic() < give_up_s:
                if growing.exists() and growing.read_bytes().count(b"\n") >= rows:
                    break
        finally:
            program.send_signal(signal.SIGKILL)
            program.wait()

    done = _run(many, "-o", path)

    assert done.exit_code == 1, done.stderr
    assert sorted(_names(path)) == sorted(str(file) for file in many.iterdir())
    assert _run(many, "-o", path).stderr.splitlines()[-1].endswith(f"{MANY - 1} were there already")


def test_ctrl_c_says_that_the_same_command_goes_on(many: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append, rows = ResultsFile.append, list[Row]()

    def interrupted(results: ResultsFile, row: Row) -> None:
        if len(rows) == 3:
            raise KeyboardInterrupt
        rows.append(row)
        append(results, row)

    with monkeypatch.context() as changed:
        changed.setattr(ResultsFile, "append", interrupted)
        stopped = _run(many, "-o", path)
    done = _run(many, "-o", path)

    assert stopped.exit_code == 130
    assert stopped.stderr == f"stopped; what is done is kept, and the same command goes on with {path}\n"
    assert done.stderr.endswith(f"wrote {MANY - 3} rows to {path}, 3 were there already\n")
    assert sorted(_names(path)) == sorted(str(file) for file in many.iterdir())


def test_a_second_process_is_refused_while_one_writes(many: Path, path: Path) -> None:
    results = ResultsFile(path, {}, top=1)

    done = subprocess.run(
        [sys.executable, "-m", "edgecls", "run", many, "-o", path], capture_output=True, text=True, check=False
    )
    results.close()

    assert done.returncode == 1
    assert "another run is writing it; wait for its end" in done.stderr


def test_an_image_that_was_mended_loses_its_error(many: Path, path: Path) -> None:
    _run(many, "-o", path)
    (many / "notes.png").write_bytes((many / "red.png").read_bytes())

    done = _run(many, "-o", path)

    assert done.exit_code == 0
    assert done.stderr.splitlines() == ["1 image: red 1", f"wrote 1 row to {path}, {MANY - 1} were there already"]
    assert sorted(_names(path)) == sorted(str(file) for file in many.iterdir())


def test_a_model_or_an_option_that_is_another_is_said(many: Path, path: Path, tmp_path: Path) -> None:
    _run(many, "-o", path)
    other = tmp_path / "other.onnx"
    other.write_bytes(familiar_model_bytes())

    by_option = _run(many, "-o", path, "--top", "2", "--xmp")
    by_model = _run(many, "-o", path, "--model", other)

    assert (by_option.exit_code, by_model.exit_code) == (1, 1)
    assert "top was 1, is 2; xmp was false, is true; run with what that run had" in by_option.stderr
    assert "sha256 was" in by_model.stderr
    assert len(_names(path)) == MANY


def test_relative_names_are_refused_from_another_folder(
    many: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(many)
    _run(".", "-o", path)
    monkeypatch.chdir(many.parent)

    done = _run("images", "-o", path)

    assert done.exit_code == 1
    assert "relative_to was" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "a.txt"], "-o writes FILE.jsonl, FILE.csv or FILE.parquet; 'a.txt' has another ending"),
        (["-o", "a.csv", "--format", "json"], "--format json does not go with the ending of 'a.csv'"),
        (["-o", "a.csv", "-"], "standard input cannot be gone on with"),
        (["-o", "a.csv", "--sort-into", "b", "--move"], "-o does not go with --move"),
        (["-o", "a.csv", "--save-embeddings", "b.npz"], "--save-embeddings does not go with -o"),
        (["-o", "a.csv", "--embeddings"], "--embeddings goes with --format json, -o FILE.jsonl or FILE.parquet"),
        (["--format", "parquet"], "for a file, give -o FILE.parquet"),
        (["--xmp", "-"], "standard input has no file to put a sidecar beside"),
        (["--xmp", "--sort-into", "b", "--move"], "--xmp does not go with --move"),
        (["--xmp", "--on", "ray", "-o", "b"], "--xmp does not go with --on ray"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(
    arguments: list[str], message: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = _run(images, *arguments)

    assert done.exit_code == 2
    assert message in done.stderr
    assert os.listdir(tmp_path) == ["images"]


def test_sorting_drawings_and_sidecars_go_with_a_file(many: Path, path: Path, tmp_path: Path) -> None:
    others = ("--sort-into", tmp_path / "sorted", "--annotate", tmp_path / "drawn", "--xmp")

    _run(many, "-o", path, *others)
    done = _run(many, "-o", path, *others)

    assert f"{MANY - 1} were there already" in done.stderr
    assert len(_names(path)) == MANY
    assert len(list((tmp_path / "sorted" / "red").iterdir())) == MANY - 3
    assert len(list((tmp_path / "drawn").iterdir())) == MANY - 1
    assert read_keywords(many / "red.png") == ["red"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is not sent like this")
def test_watching_goes_on_with_a_file(many: Path, path: Path) -> None:
    growing = path if path.suffix != ".parquet" else path.with_name(f"{path.name}.run") / "rows.jsonl"
    _run(many, "-o", path)
    (many / "new.png").write_bytes((many / "blue.png").read_bytes())
    (many / "notes.png").unlink()
    before = growing.read_bytes()

    program = subprocess.Popen(
        [sys.executable, "-m", "edgecls", "run", str(many), "-o", str(path), "--watch", "--interval", "0.05"],
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up_s = time.monotonic() + IN_TIME_S
    while program.poll() is None and time.monotonic() < give_up_s and growing.read_bytes() == before:
        pass
    program.send_signal(signal.SIGINT)
    _, shown = program.communicate()

    assert program.returncode == 0, shown
    assert "stopped; classified 1 image" in shown
    assert sorted(_names(path)) == sorted([*(str(file) for file in many.iterdir()), str(many / "notes.png")])


def test_a_label_is_added_to_the_sidecar_and_the_image_is_not_touched(images: Path) -> None:
    before = {file.name: file.read_bytes() for file in images.iterdir()}
    add_keywords(images / "red.png", ["holiday"])

    done = _run(images, "--xmp")
    again = _run(images, "--xmp")

    assert (done.exit_code, again.exit_code) == (0, 0)
    assert read_keywords(images / "red.png") == ["holiday", "red"]
    assert read_keywords(images / "blue.png") == ["blue"]
    assert {name: (images / name).read_bytes() for name in before} == before
    assert len(list(images.iterdir())) == 6


def test_an_image_that_is_unknown_gets_no_sidecar(tmp_path: Path) -> None:
    model = tmp_path / "familiar.onnx"
    model.write_bytes(familiar_model_bytes())
    (tmp_path / "grey.png").write_bytes(colored(GREY))
    (tmp_path / "red.png").write_bytes(colored(DARK_RED))

    done = _run(tmp_path, "--xmp", "--format", "json", "--model", model)

    known = {Path(row["image"]).name: row["known"] for row in map(json.loads, done.stdout.splitlines())}
    assert set(known.values()) == {True, False}
    assert {file.name for file in tmp_path.glob("*.xmp")} == {
        f"{name}.xmp" for name, is_known in known.items() if is_known
    }


def test_a_sidecar_that_cannot_be_merged_into_is_the_error_of_its_image_alone(images: Path, path: Path) -> None:
    sidecar_path(images / "green.png").write_text("not XML")

    done = _run(images, "--xmp", "-o", path)

    assert done.exit_code == 1
    assert "2 images: blue 1, red 1\n1 image could not be classified" in done.stderr
    assert sidecar_path(images / "green.png").read_text() == "not XML"

    sidecar_path(images / "green.png").unlink()

    assert _run(images, "--xmp", "-o", path).exit_code == 0
    assert read_keywords(images / "green.png") == ["green"]
    assert sorted(_names(path)) == sorted(str(images / f"{name}.png") for name in ("red", "green", "blue"))
