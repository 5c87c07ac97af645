"""edgecls run --explain and --annotate: options, output, what is left."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_model import tiny_card, tiny_golden, tiny_model_bytes, tiny_onnx

from edgecls import image, modelfile
from edgecls.cli import main
from edgecls.commands.options import BUNDLED_MODEL
from edgecls.export.proof import with_class_activation


@pytest.fixture(autouse=True, params=["class activation", "occlusion"])
def use_a_tiny_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    network = with_class_activation(tiny_onnx()) if request.param == "class activation" else tiny_onnx()
    modelfile.write_model(tmp_path / "m.onnx", network, tiny_card())
    monkeypatch.setenv("EDGECLS_MODEL", str(tmp_path / "m.onnx"))


def _run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)], input=stdin)


def _below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _said(done: Result) -> str:
    """Return standard error without how the heat was found, which the tiny model's file decides."""
    return re.sub(r"; heat by (class activation|occlusion), 8 x 8 places$", "", done.stderr, flags=re.MULTILINE)


def test_every_image_is_drawn_and_the_lines_stay(images: Path, tmp_path: Path) -> None:
    (images / "里面").mkdir()
    (images / "里面" / "notes.jpg").write_text("notes")
    (images / "red.png").rename(images / "里面" / "红.png")
    plain = _run(images)

    done = _run(images, "--explain", tmp_path / "heat", "--annotate", tmp_path / "label", "--threads", "3")

    assert (plain.exit_code, done.exit_code) == (1, 1)
    assert done.stdout == plain.stdout
    counts = "3 images: blue 1, green 1, red 1\n"
    assert _said(done) == counts + "1 of 4 images could not be classified\nwrote 6 drawings\n"
    assert _below(tmp_path / "heat") == _below(tmp_path / "label") == ["blue.jpg", "green.jpg", "里面/红.jpg"]
    heat, label = (image.decode((tmp_path / folder / "里面" / "红.jpg").read_bytes()) for folder in ("heat", "label"))
    assert heat.shape == (360, 480, 3)
    assert label.shape[0] > 380
    np.testing.assert_allclose(label[:350].reshape(-1, 3).mean(axis=0), (250, 10, 20), atol=6)


def test_a_second_run_writes_nothing_new_even_within_the_folder_itself(images: Path) -> None:
    first = _run(images, "--annotate", images / "out")

    second = _run(images, "--annotate", images / "out")

    assert first.stderr == "3 images: blue 1, green 1, red 1\nwrote 3 drawings\n"
    assert second.stderr == "3 images: blue 1, green 1, red 1\nwrote 0 drawings, 3 were there already\n"
    assert second.stdout == first.stdout
    assert _below(images / "out") == ["blue.jpg", "green.jpg", "red.jpg"]


def test_sorting_and_drawing_go_together(images: Path, tmp_path: Path) -> None:
    done = _run(images, "--sort-into", tmp_path / "out", "--move", "--explain", tmp_path / "heat")

    assert done.exit_code == 0
    assert _said(done) == "3 images: blue 1, green 1, red 1\nmoved 3 images\nwrote 3 drawings\n"
    assert _below(tmp_path / "heat") == ["blue.jpg", "green.jpg", "red.jpg"]
    assert _below(images) == []


def test_standard_input_is_drawn_too(images: Path, tmp_path: Path) -> None:
    done = _run("-", "--explain", tmp_path / "out", "--format", "json", stdin=(images / "red.png").read_bytes())

    assert json.loads(done.stdout)["label"] == "red"
    assert _below(tmp_path / "out") == ["stdin.jpg"]


def test_an_unsure_answer_is_drawn_as_such(images: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.onnx").write_bytes(tiny_model_bytes(unknown_threshold=0.9))
    (tmp_path / "gray.png").write_bytes(image.encode_png(np.full((480, 480, 3), 128, np.uint8)))

    _run(tmp_path / "gray.png", "--annotate", tmp_path / "out", "--model", tmp_path / "strict.onnx")

    bar = image.decode((tmp_path / "out" / "gray.jpg").read_bytes())[490:].astype(int)
    assert np.ptp(bar, axis=2).max() < 30  # grey: a known answer has an orange line


def test_an_image_unlike_the_training_images_is_drawn_with_that_reason(
    tmp_path: Path, familiar_model_path: Path
) -> None:
    pixels = np.full((480, 640, 3), 128, np.uint8)
    (tmp_path / "grey.png").write_bytes(image.encode_png(pixels))

    folders = [tmp_path / name for name in ("out", "off")]
    for folder, level in zip(folders, ("98%", "off"), strict=True):
        options = (
            "--annotate",
            folder,
            "--explain",
            folder,
            "--model",
            familiar_model_path,
            "--min-familiarity",
            level,
        )
        assert _run(tmp_path / "grey.png", *options).exit_code == 0

    drawn, known = (image.decode((folder / "grey.jpg").read_bytes())[480:].astype(int) for folder in folders)
    assert drawn.shape == known.shape
    assert np.ptp(drawn, axis=2).max() < 30 < np.ptp(known, axis=2).max()  # a known answer has an orange line
    widths = [int((bar[10:].max(axis=(0, 2)) > 100).sum()) for bar in (drawn, known)]
    assert widths[0] > 2 * widths[1]  # and a shorter text


def test_labels_that_cannot_be_drawn_are_told(images: Path, tmp_path: Path) -> None:
    labels = ("🌹", "绿", "青い")
    modelfile.write_model(tmp_path / "m.onnx", tiny_onnx(), tiny_card(labels=labels, golden=tiny_golden()))

    drawn = _run(images, "--annotate", tmp_path / "out")
    heat = _run(images, "--explain", tmp_path / "heat")

    assert "has not all characters of '🌹': the missing ones are drawn as question marks\n" in drawn.stderr
    assert _said(heat) == "3 images: 绿 1, 青い 1, 🌹 1\nwrote 3 drawings\n"


def test_occlusion_can_be_asked_for(tmp_path: Path) -> None:
    """The bundled model has a class activation."""
    encoded = image.encode_png(np.full((60, 80, 3), (220, 200, 30), np.uint8))

    by_default, by_occlusion = (
        _run("-", "--model", BUNDLED_MODEL, "--explain", tmp_path / "out", *options, stdin=encoded)
        for options in ((), ("--explain-method", "occlusion"))
    )

    assert by_default.stderr.endswith("wrote 1 drawing; heat by class activation, 7 x 7 places\n")
    assert by_occlusion.stderr.endswith("wrote 1 drawing; heat by occlusion, 10 x 10 places\n")
    assert _below(tmp_path / "out") == ["stdin-2.jpg", "stdin.jpg"]  # two maps that differ
    refused = _run("-", "--explain-method", "occlusion", stdin=encoded)
    assert (refused.exit_code, "--explain-method goes with --explain DIR" in refused.stderr) == (2, True)


def test_drawings_that_would_be_classified_are_refused_before_any_image(images: Path) -> None:
    done = _run(images, "--explain", images)

    assert (done.exit_code, done.stdout) == (1, "")
    assert "would be classified too" in done.stderr
    assert _below(images) == ["blue.png", "green.png", "red.png"]


def test_a_drawing_that_cannot_be_written_ends_the_run(images: Path, tmp_path: Path) -> None:
    (images / "a").mkdir()
    (images / "red.png").rename(images / "a" / "red.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("in the way")

    done = _run(images, "--annotate", tmp_path / "out", "--sort-into", tmp_path / "sorted", "--move")

    assert done.exit_code == 1
    assert "cannot write" in done.stderr
    assert (images / "a" / "red.png").is_file()  # not moved before it is drawn
    assert (tmp_path / "out" / "a").read_text() == "in the way"
