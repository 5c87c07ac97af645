"""edgecls evaluate."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from color_folders import PURE, write_color_folders, write_image
from familiar_model import GREY, TURQUOISE
from tiny_model import tiny_model_bytes

from edgecls.cli import main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_color_folders(tmp_path / "数据")


def _evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_table_has_every_figure(tiny_model_path: Path, data: Path) -> None:
    done = _evaluate(tiny_model_path, data)

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["images", "9", "(all)"]
    assert lines[1].startswith("accuracy        0.8889 (95 % interval 0.56")
    assert "baseline        0.4444 (always red)" in lines
    assert lines[-3].split() == ["red", "4", "1.0000", "0.7500", "0.8571"]
    assert done.stderr == ""


def test_json_has_every_figure(tiny_model_path: Path, data: Path) -> None:
    done = _evaluate(tiny_model_path, data, "--format", "json", "--top-k", "2", "--threads", "2")

    document = json.loads(done.stdout)
    assert (document["model"], document["name"], document["split"]) == (str(tiny_model_path), "colors", "all")
    assert document["accuracy"] == pytest.approx(8 / 9)
    assert list(document["top_accuracy"]) == ["1", "2"]
    assert document["confusion_matrix"] == [[3, 1, 0], [0, 3, 0], [0, 0, 2]]
    assert document["worst_mistakes"][0]["image"] == str(data / "red" / "3 in truth green.png")
    assert "数据" in done.stdout


def test_a_report_is_written_beside_the_figures(tiny_model_path: Path, data: Path, tmp_path: Path) -> None:
    done = _evaluate(tiny_model_path, data, "--report", tmp_path / "报告.html")

    assert done.exit_code == 0
    assert done.stderr == f"wrote {tmp_path / '报告.html'}\n"
    page = (tmp_path / "报告.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert str(data) in page


def test_test_images_come_before_all_others(tiny_model_path: Path, data: Path, tmp_path: Path) -> None:
    divided = tmp_path / "divided"
    for split in ("train", "test"):
        for label, color in PURE.items():
            write_image(divided / split / label / f"{split}.png", color)

    assert "images          3 (test)" in _evaluate(tiny_model_path, divided).stdout
    assert "images          6 (all)" in _evaluate(tiny_model_path, divided, "--split", "all").stdout
    missing = _evaluate(tiny_model_path, divided, "--split", "val")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "no split 'val', only train, test" in missing.stderr


def test_a_list_file_is_data_too(tiny_model_path: Path, data: Path) -> None:
    (data / "list.txt").write_text("red/0.png\tred\ngreen/0.png\tgreen\nblue/0.png\tgreen\n", encoding="utf-8")

    document = json.loads(_evaluate(tiny_model_path, data / "list.txt", "--format", "json").stdout)

    assert (document["images"], document["accuracy"]) == (3, pytest.approx(2 / 3))


def test_a_damaged_image_is_left_out_and_fails_the_command_in_the_end(
    tiny_model_path: Path, data: Path, tmp_path: Path
) -> None:
    (data / "red" / "0.png").write_text("these are notes")

    done = _evaluate(tiny_model_path, data, "--report", tmp_path / "r.html")

    assert done.exit_code == 1
    assert "left out: cannot read" in done.stderr
    assert "images          8 (all)" in done.stdout
    assert (tmp_path / "r.html").exists()


def test_foreign_labels_are_refused_or_left_out(tiny_model_path: Path, data: Path) -> None:
    write_image(data / "yellow" / "0.png", (250, 250, 0))

    refused = _evaluate(tiny_model_path, data)
    left_out = _evaluate(tiny_model_path, data, "--ignore-unknown-labels")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "does not know 1 label(s) of the data: 'yellow'" in refused.stderr
    assert left_out.exit_code == 0
    assert "images          9 (all)" in left_out.stdout


def test_the_threshold_of_the_file_is_measured(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(tiny_model_bytes(unknown_threshold=0.9997))

    document = json.loads(_evaluate(model, data, "--format", "json").stdout)

    assert document["unknown"]["threshold"] == 0.9997
    assert document["unknown"]["rejected_wrong"] == 1  # green is less sure than red, and one green is amiss
    assert "unknown" in _evaluate(model, data).stdout
    assert "unknown" not in _evaluate(model, data, "--unknown-threshold", "0").stdout


def test_a_report_that_cannot_be_written_is_found_out_before_the_work(tiny_model_path: Path, data: Path) -> None:
    done = _evaluate(tiny_model_path, data, "--report", data / "none" / "r.html")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "cannot write" in done.stderr


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    for name, color in (("grey", GREY), ("turquoise", TURQUOISE)):
        write_image(tmp_path / "别的" / f"{name}.png", color)
    return tmp_path / "别的"


def test_foreign_images_that_get_a_label_are_counted(
    familiar_model_path: Path, data: Path, foreign: Path, tmp_path: Path
) -> None:
    options = (familiar_model_path, data, "--foreign", foreign)

    table = _evaluate(*options, "--min-familiarity", "0.7", "--report", tmp_path / "r.html")
    document = json.loads(_evaluate(*options, "--format", "json").stdout)

    assert table.exit_code == 0
    assert "unknown         0 unlike (below 0.7); 0 of them would have been wrong" in table.stdout
    assert "foreign images  2, 1 of which get a label: green 1" in table.stdout
    assert "AUROC           1.0000 by familiarity, 1.0000 by probability" in table.stdout
    assert table.stdout.splitlines()[-1].split()[:5] == ["98", "%", "0.8000", "100.0%", "0.0%"]
    assert (document["foreign"]["images"], document["foreign"]["accepted"]) == (2, 0)
    assert [level["foreign"] for level in document["foreign"]["levels"]] == [0, 0, 0]
    assert document["foreign"]["most_familiar"][0]["image"] == str(foreign / "turquoise.png")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert '<section id="foreign">' in page
    assert "1 of 2 foreign images" in page
    assert "unknown (red?)" in page


def test_without_familiarity_foreign_images_are_judged_by_probability_and_that_is_said(
    tiny_model_path: Path, data: Path, foreign: Path, tmp_path: Path
) -> None:
    (foreign / "notes.png").write_text("notes")

    done = _evaluate(tiny_model_path, data, "--foreign", foreign, "--report", tmp_path / "r.html")

    assert done.exit_code == 1
    assert "the model does not judge familiarity" in done.stderr
    assert "left out: cannot read" in done.stderr
    assert "AUROC           1.0000 by probability" in done.stdout
    assert "does not judge familiarity" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_without_foreign_images_nothing_is_said_of_them(familiar_model_path: Path, data: Path, tmp_path: Path) -> None:
    done = _evaluate(familiar_model_path, data, "--format", "json", "--report", tmp_path / "r.html")

    assert json.loads(done.stdout)["foreign"] is None
    assert "foreign" not in (tmp_path / "r.html").read_text(encoding="utf-8").replace(str(tmp_path), "")
