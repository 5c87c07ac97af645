"""Training classical models, from folders of images to a model file, by the library and by the command."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from image_folders import COLORS, write_class_folders

import edgecls
from edgecls.cli import main
from edgecls.errors import ModelConfigError, OutputError, TrainingError
from edgecls.image_spec import Color, ImageSpec
from edgecls.models.classical import classical_names
from edgecls.models.classical.features import Features
from edgecls.training.classical import ClassicalConfig, ClassicalListener, run_classical_training


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("classical") / "数据 集", per_label=20)


def _edgecls(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", classical_names())
def test_the_command_trains_a_model_that_verifies_runs_and_tells_what_it_is(
    name: str, data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "模型.onnx"

    trained = _edgecls("train", data, "-o", path, "--arch", name, "--epochs", "1", "--image-size", "24x32")

    assert trained.exit_code == 0, trained.output
    counted = [line.split(maxsplit=1) for line in trained.stdout.splitlines()[:4]]
    assert counted == [["20", label] for label in sorted(COLORS)] + [["60", "images of 3 labels"]]
    assert "training on 54 images, validating on 6" in trained.stdout
    assert f"{name} on hog_color: accuracy " in trained.stdout
    assert trained.stderr == f"{name} is not a network and ignores --epochs\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["模型.onnx"]

    assert _edgecls("verify", path).stdout.startswith("passed: ")
    card = json.loads(_edgecls("info", path, "--format", "json").stdout)
    assert (card["architecture"], card["training"]["features"]) == (name, "hog_color")
    assert card["dataset"]["train_images"] == 54
    assert card["metrics"]["validation_accuracy"] >= 0.8
    rows = list(csv.DictReader(io.StringIO(_edgecls("run", "--model", path, data, "--format", "csv").stdout)))
    right = [row["label"] == Path(row["image"]).parent.name for row in rows]
    assert len(right) == 60
    assert sum(right) >= 54


def test_grey_images_and_their_pixels(data: Path, tmp_path: Path) -> None:
    usual = (
        "train",
        data,
        "-o",
        tmp_path / "m.onnx",
        "--arch",
        "decision_tree",
        "--image-size",
        "16",
        "--color",
        "gray",
    )

    edges = _edgecls(*usual)
    pixels = _edgecls(*usual, "--features", "pixels")

    assert "decision_tree on hog: " in edges.stdout
    assert "decision_tree on pixels: " in pixels.stdout
    assert (edges.stderr, pixels.stderr) == ("", "")
    assert edgecls.load(tmp_path / "m.onnx").card.image == ImageSpec(16, 16, Color.GRAY)


def test_what_is_worth_knowing_is_noted_and_rare_labels_are_dealt_with(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=12)
    (data / "lone").mkdir()
    (data / "lone" / "1.png").write_bytes(next(data.rglob("*.png")).read_bytes())
    usual = ("train", data, "-o", tmp_path / "m.onnx", "--arch", "decision_tree", "--image-size", "16")

    refused = CliRunner().invoke(main, list(map(str, usual)))
    kept = _edgecls(*usual, "--keep-rare-in-train")
    without = _edgecls(*usual, "--leave-out-rare")

    assert refused.exit_code == 1
    assert "label 'lone' has 1 image(s)" in refused.stderr
    assert kept.stderr.startswith("note: label '蓝 sky' has 12 times as many images as 'lone' (12, 1)\n")
    assert "note: fewer than 20 images of 'lone' (1), " in kept.stderr
    assert "training on 34 images, validating on 3\n" in kept.stdout
    assert without.stderr.startswith("note: left out, with too few images to hold one out: 'lone'\n")
    assert edgecls.load(tmp_path / "m.onnx").card.labels == ("红 roses", "绿 grass", "蓝 sky")


def test_the_listener_hears_everything_in_order(data: Path, tmp_path: Path) -> None:
    heard: list[Any] = []
    listener = ClassicalListener(
        on_found=lambda dataset: heard.append(len(dataset.whole.paths)),
        on_prepared=lambda images: heard.append((len(images.cached.names), len(images.validation_indices))),
        on_features=lambda done, total: heard.append((done, total)),
        on_fitting=lambda: heard.append("fitting"),
        on_exporting=lambda: heard.append("exporting"),
    )
    config = ClassicalConfig(ImageSpec(24, 24), "decision_tree", Features.PIXELS, validation_fraction=0.2)

    result = run_classical_training(data, tmp_path / "m.onnx", config, listener=listener)

    assert heard == [60, (60, 12), (60, 60), "fitting", "exporting"]
    assert result.export.onnx == (tmp_path / "m.onnx").read_bytes()
    assert result.export.parity.comparisons == 2 * (12 + 4 + 6)  # held out, golden, random and flat


def test_a_damaged_image_is_left_out(tmp_path: Path) -> None:
    data = write_class_folders(tmp_path / "data", per_label=6)
    (data / "红 roses" / "broken.png").write_bytes(b"no image")

    done = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--arch", "svm", "--image-size", "16")

    assert done.exit_code == 0, done.output
    assert "left out: " in done.stdout
    assert "training on 15 images, validating on 3" in done.stdout


@pytest.mark.parametrize("remains", [("m.keras",), ("m.run",), ("m.keras", "m.run")], ids=" and ".join)
def test_a_network_at_the_same_output_is_not_replaced_in_silence(
    data: Path, tmp_path: Path, remains: tuple[str, ...]
) -> None:
    network = tmp_path / "m.onnx"
    network.write_bytes(b"a network")
    if "m.keras" in remains:
        (tmp_path / "m.keras").write_bytes(b"the same as Keras has it")
    if "m.run" in remains:
        (tmp_path / "m.run").mkdir()
        (tmp_path / "m.run" / "run.json").write_text('{"format": 1, "finished": true}', encoding="utf-8")
        (tmp_path / "m.run" / "report.html").write_text("on the network", encoding="utf-8")
    command = ("train", data, "-o", network, "--arch", "knn", "--image-size", "16")

    refused = _edgecls(*command)

    assert refused.exit_code == 1
    assert "a network was trained to that file" in refused.stderr
    assert all(str(tmp_path / name) in refused.stderr for name in remains)
    assert "with --overwrite" in refused.stderr
    assert network.read_bytes() == b"a network"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["m.onnx", *remains])

    replaced = _edgecls(*command, "--overwrite")

    assert (replaced.exit_code, replaced.stderr) == (0, "")
    assert edgecls.load(network).card.architecture == "knn"
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]  # nothing that belongs to another model


def test_what_is_no_run_stays_beside_a_classical_model(data: Path, tmp_path: Path) -> None:
    (tmp_path / "m.run").mkdir()
    (tmp_path / "m.run" / "notes.txt").write_text("mine", encoding="utf-8")

    for _ in range(2):  # a classical model takes the place of another one
        done = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--arch", "knn", "--image-size", "16", "--overwrite")
        assert done.exit_code == 0, done.output

    assert (tmp_path / "m.run" / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_accuracy_on_the_test_split_is_told(data: Path, tmp_path: Path) -> None:
    images = sorted(data.rglob("*.png"))
    for name, chosen in (("train", images[::2]), ("test", images[1::2])):
        lines = [f"{path.relative_to(data).as_posix()}\t{path.parent.name}\n" for path in chosen]
        (data / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    try:
        done = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--arch", "knn", "--image-size", "16")
    finally:
        for name in ("train", "test"):
            (data / f"{name}.txt").unlink()

    assert done.exit_code == 0, done.output
    assert "test accuracy 1.0000 (0.8865 to 1.0000 at 95 %) on 30 images" in done.stdout


def test_a_classical_model_is_trained_without_keras(data: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom edgecls.cli import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    command = ("train", data, "-o", tmp_path / "m.onnx", "--arch", "decision_tree", "--image-size", "16")

    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, command)], capture_output=True, encoding="utf-8", check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("--arch", "svm", "--image-size", "12"), 1, "HOG features take images of at least 16x16 pixels"),
        (("--arch", "svm", "--color", "gray", "--features", "hog_color"), 1, "hog_color takes colour images"),
        (("--arch", "simple_cnn", "--features", "hog"), 2, "--features is for classical models"),
        (("--arch", "svm", "--features", "sift"), 2, "'sift' is not one of"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    done = _edgecls("train", data, "-o", tmp_path / "m.onnx", *arguments)

    assert (done.exit_code, list(tmp_path.iterdir())) == (exit_code, [])
    assert message in done.stderr


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"arch": "forest"}, ModelConfigError, "no classical model 'forest'"),
        ({"validation_fraction": 1.0}, TrainingError, "validation split must be above 0"),
        ({"seed": -1}, TrainingError, "seed must be from 0"),
    ],
)
def test_settings_outside_their_limits_are_refused(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ClassicalConfig(**{"image": ImageSpec(32, 32), "arch": "knn", "features": Features.HOG, **changes})


def test_another_suffix_than_onnx_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"must end in \.onnx"):
        run_classical_training(data, tmp_path / "m.pkl", ClassicalConfig(ImageSpec(32, 32), "knn", Features.HOG))


def test_a_missing_package_is_named_with_its_extra(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)

    done = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--arch", "knn")

    assert done.exit_code == 1
    assert 'pip install "edgecls[classical]"' in done.stderr
