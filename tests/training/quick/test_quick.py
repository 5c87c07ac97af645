"""Quick training: from folders of images to a model file with all that belongs to one, without TensorFlow."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from image_folders import COLORS, write_class_folders

import edgecls
from edgecls import image
from edgecls.cli import main
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import DatasetError, OutputError
from edgecls.evaluation.evaluate import evaluate
from edgecls.modelfile import read_model
from edgecls.reference import VALUES, reference_to_dict
from edgecls.runtime.evidence import Method
from edgecls.training.quick.config import QuickConfig
from edgecls.training.quick.features import views_for
from edgecls.training.quick.job import QuickListener, QuickResult, run_quick_training

PER_LABEL = 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_folders(tmp_path_factory.mktemp("quick") / "数据 集", per_label=PER_LABEL)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> QuickResult:
    return run_quick_training(data, tmp_path_factory.mktemp("trained") / "模型.onnx", QuickConfig(seed=1))


def _edgecls(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_file_verifies_and_tells_labels_apart(trained: QuickResult, data: Path) -> None:
    with edgecls.load(trained.onnx_path, "cpu") as classifier:
        found = evaluate(classifier, read_dataset(data).whole, workers=1)
    card = trained.export.card

    assert found.accuracy == 1
    assert _edgecls("verify", trained.onnx_path).exit_code == 0
    assert card == read_model(trained.onnx_path).card
    assert (card.architecture, card.precision, card.labels) == ("linear", "float32", tuple(sorted(COLORS)))
    assert card.training["backbone"] == "efficientnet_lite0"
    assert trained.onnx_path.stat().st_size < 20e6
    assert sorted(path.name for path in trained.onnx_path.parent.iterdir()) == ["模型.onnx", "模型.run"]


def test_it_says_how_familiar_an_image_is_and_what_speaks_for_a_label(trained: QuickResult, data: Path) -> None:
    photo = next(data.rglob("*.png"))

    with edgecls.load(trained.onnx_path, "cpu") as classifier:
        explanation = classifier.explain(photo)

    assert trained.unfamiliar is None
    assert trained.export.card.familiarity is not None
    assert trained.export.card.golden.samples[0].familiarity is not None
    assert (explanation.method, explanation.resolution) == (Method.CLASS_ACTIVATION, (7, 7))


def test_few_images_are_all_trained_on_and_the_figures_are_cross_validated(trained: QuickResult, data: Path) -> None:
    images = len(read_dataset(data).whole.paths)
    report = trained.run.report_path.read_text(encoding="utf-8")
    card = trained.export.card

    assert trained.folds == PER_LABEL  # each label has no more images
    assert card.dataset is not None
    assert (card.dataset.train_images, card.dataset.validation_images) == (images, 0)
    assert card.training["cross_validation_folds"] == PER_LABEL
    assert (trained.evaluation.images, trained.evaluation.accuracy) == (images, trained.metrics["validation_accuracy"])
    assert f"cross-validated, as no images were held out: {PER_LABEL} classifiers were fitted" in report
    assert "fitted to all images, so evaluating it on any of them says nothing about new ones" in report
    assert "Time per image" not in report


def test_a_test_split_is_evaluated_with_the_model_file_where_all_others_are_trained_on(
    data: Path, tmp_path: Path
) -> None:
    for folder in sorted(data.iterdir()):
        for index, path in enumerate(sorted(folder.iterdir())):
            target = tmp_path / "divided" / ("test" if index < 2 else "train") / folder.name
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)

    found = run_quick_training(tmp_path / "divided", tmp_path / "m.onnx", QuickConfig(flip=False))

    report = found.run.report_path.read_text(encoding="utf-8")
    assert (found.has_test, found.evaluation.images, found.folds) == (True, 6, PER_LABEL - 2)
    assert found.mirroring is None
    assert "Time per image" in report
    assert "cross-validated" not in report
    assert set(read_dataset(found.run.split_path).splits) == {"train", "test"}


def test_cross_validation_does_not_take_labels_at_their_word(data: Path, tmp_path: Path) -> None:
    """A head that is fitted to all images gets all of them right, mislabelled ones too; the figures must not."""
    mixed = _few(data, tmp_path / "mixed", labels=2, images=PER_LABEL)
    first, second = sorted(mixed.iterdir())
    for index, path in enumerate(sorted(first.iterdir())[:3]):
        path.rename(second / f"moved {index}.png")

    found = run_quick_training(mixed, tmp_path / "m.onnx", QuickConfig())

    assert found.metrics["accuracy"] > found.metrics["validation_accuracy"]
    assert found.evaluation.accuracy < 1


def test_the_run_directory_has_the_report_and_a_split_that_is_a_dataset(
    trained: QuickResult, data: Path, tmp_path: Path
) -> None:
    held_out = run_quick_training(data, tmp_path / "m.onnx", QuickConfig(validation_fraction=0.2))
    split = read_dataset(held_out.run.split_path)

    assert held_out.folds is None
    assert held_out.split == held_out.run.split_path
    assert split.validation is not None
    assert set(split.whole.paths) == set(read_dataset(data).whole.paths)
    facts = json.loads((held_out.run.path / "run.json").read_text())
    assert (facts["finished"], facts["train_images"]) == (True, len(split.train.paths))
    assert read_dataset(trained.run.split_path).validation is None  # all of them were seen
    assert set(read_dataset(trained.run.split_path).train.paths) == set(read_dataset(data).whole.paths)
    assert "<html" in trained.run.report_path.read_text(encoding="utf-8")
    assert (trained.run.path / "model.onnx").read_bytes() == trained.onnx_path.read_bytes()


def test_the_same_seed_gives_the_same_network(trained: QuickResult, data: Path, tmp_path: Path) -> None:
    again = run_quick_training(data, tmp_path / "m.onnx", QuickConfig(seed=1))

    assert read_model(again.onnx_path).network_sha256 == read_model(trained.onnx_path).network_sha256


def test_two_labels_with_two_images_each_are_enough(data: Path, tmp_path: Path) -> None:
    few = _few(data, tmp_path / "few", labels=2, images=2)

    found = run_quick_training(few, tmp_path / "m.onnx", QuickConfig())

    assert (len(found.export.card.labels), found.evaluation.images) == (2, 4)
    assert found.evaluation.accuracy == 1


def test_near_duplicates_are_on_one_side(data: Path, tmp_path: Path) -> None:
    copied = _few(data, tmp_path / "few", labels=2, images=4)
    for path in list(copied.rglob("*.png")):
        pixels = image.decode(path.read_bytes(), name=path.name)
        brighter = np.clip(pixels.astype(np.int16) + 1, 0, 255).astype(np.uint8)
        path.with_name(f"again {path.name}").write_bytes(image.encode_png(brighter))
        shutil.copy(path, path.with_name(f"copy of {path.name}"))

    run = run_quick_training(copied, tmp_path / "m.onnx", QuickConfig(validation_fraction=0.3)).run

    split = read_dataset(run.split_path)
    sides = [
        {path.name.removeprefix("copy of ").removeprefix("again ") + path.parent.name for path in part.paths}
        for part in (split.train, split.splits["val"])
    ]
    assert sides[1]
    assert sides[0].isdisjoint(sides[1])


def test_errors_come_before_features_are_computed(data: Path, tmp_path: Path) -> None:
    computed: list[int] = []
    listener = QuickListener(on_features=lambda done, total: computed.append(done))
    one = _few(data, tmp_path / "one", labels=1, images=3)
    alike = _few(data, tmp_path / "alike", labels=2, images=1)
    paths = sorted(alike.rglob("*.png"))
    shutil.copy(paths[0], paths[1])
    for path in paths:
        shutil.copy(path, path.with_name("copy.png"))
    broken = _few(data, tmp_path / "broken", labels=2, images=2)
    for path in broken.rglob("*.png"):
        path.write_bytes(b"no image")

    for folder, message in (
        (one, "at least 2 are needed"),
        (alike, "all 4 usable images .* are duplicates"),
        (broken, "none of the 4 images can be used"),
    ):
        with pytest.raises(DatasetError, match=message):
            run_quick_training(folder, tmp_path / "m.onnx", QuickConfig(), listener=listener)
    assert computed == []
    assert not (tmp_path / "m.onnx").exists()
    assert not (tmp_path / "m.run").exists()


def test_a_network_at_the_same_place_is_not_replaced_unasked(data: Path, tmp_path: Path) -> None:
    (tmp_path / "m.keras").write_bytes(b"trained for days")

    with pytest.raises(OutputError, match="--overwrite"):
        run_quick_training(data, tmp_path / "m.onnx", QuickConfig())


def test_many_images_have_fewer_views() -> None:
    assert [views_for(images) for images in (1, 1000, 2400, 8000, 100_000)] == [2, 2, 2, 1, 1]


@pytest.mark.parametrize(
    "option",
    [
        *(("--arch", "resnet18"), ("--epochs", "3"), ("--image-size", "64"), ("--weights", "imagenet"), ("--resume",)),
        *(("--features", "hog"), ("--device", "cpu"), ("--augment-zoom", "0.1"), ("--color", "gray")),
    ],
    ids=lambda option: option[0],
)
def test_options_for_networks_are_refused_by_name(option: tuple[str, ...], data: Path, tmp_path: Path) -> None:
    found = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--quick", *option)

    assert found.exit_code == 2
    assert f"cannot be used with {option[0]}; leave it out" in " ".join(found.stderr.split())


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "tf2onnx", "skl2onnx", "onnxmltools", "xgboost", "torch"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from edgecls.cli import main
main()
"""


def test_the_command_needs_neither_tensorflow_nor_keras(data: Path, tmp_path: Path) -> None:
    command = ["train", str(data), "-o", str(tmp_path / "m.onnx"), "--quick", "--unknown-threshold", "0.3"]

    done = subprocess.run([sys.executable, "-c", BLOCKED, *command], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "training on 18 images, none of them held out: accuracy is cross-validated" in done.stdout
    assert "6-fold cross-validated accuracy 1.0000" in done.stdout
    assert "unknown below a probability of 0.3" in done.stdout
    assert "onnxruntime against scikit-learn: largest difference" in done.stdout
    assert f"edgecls train {tmp_path / 'm.run' / 'split'}" in done.stdout


def test_classical_models_take_features_of_any_model_file(trained: QuickResult, data: Path, tmp_path: Path) -> None:
    usual = ("train", data, "-o", tmp_path / "m.onnx", "--arch", "knn")

    bundled = _edgecls(*usual, "--features", "backbone")
    cut = _edgecls(*usual, "--backbone", trained.onnx_path)
    wrong = _edgecls(*usual, "--backbone", trained.onnx_path, "--features", "hog")

    assert "knn on backbone: accuracy" in bundled.stdout, bundled.output
    assert "knn on backbone: accuracy" in cut.stdout, cut.output
    card = read_model(tmp_path / "m.onnx").card
    assert (card.training["backbone"], card.image) == ("模型", trained.export.card.image)
    assert card.familiarity is not None
    assert "leave out --features hog" in wrong.stderr


def _few(data: Path, root: Path, *, labels: int, images: int) -> Path:
    """Copy some images of some labels into another folder."""
    for folder in sorted(data.iterdir())[:labels]:
        (root / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:images]:
            shutil.copy(path, root / folder.name)
    return root


def test_progress_comes_as_lines_of_json_and_ends_with_the_results(data: Path, tmp_path: Path) -> None:
    found = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--quick", "--progress", "json")

    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert found.exit_code == 0, found.output
    assert all(0 <= line["done"] <= line["total"] and isinstance(line["message"], str) for line in lines)
    steps = list(dict.fromkeys(line["step"] for line in lines))
    assert [step for step in steps if step != "remark"] == [
        *("reading", "comparing", "decoding", "prepared", "features", "fitting", "exporting", "finished")
    ]
    for step in ("comparing", "decoding", "features"):
        last = [line for line in lines if line["step"] == step][-1]
        assert last["done"] == last["total"] > 0
    result = lines[-1]["result"]
    card = read_model(tmp_path / "m.onnx").card
    assert card.dataset is not None
    assert result["model"] == str(tmp_path / "m.onnx")
    assert Path(result["report"]).is_file()
    assert result["labels"] == list(card.labels)
    assert result["images_per_label"] == card.dataset.images_per_label
    assert result["training_accuracy"] == card.metrics["accuracy"]
    right = [image["predicted"] == image["label"] for image in result["evaluated"]]
    assert result["accuracy"] == pytest.approx(np.mean(right))
    assert all(Path(image["image"]).parent.name == image["label"] for image in result["evaluated"])
    assert all(image["label_probability"] <= image["probability"] for image in result["evaluated"])


def test_a_run_that_fails_says_so_in_its_last_line(data: Path, tmp_path: Path) -> None:
    single = tmp_path / "single"
    first = min(folder for folder in data.iterdir() if folder.is_dir())
    shutil.copytree(first, single / first.name)

    found = _edgecls("train", single, "-o", tmp_path / "m.onnx", "--quick", "--progress", "json")

    last = json.loads(found.stdout.splitlines()[-1])
    assert found.exit_code == 1
    assert last["step"] == "failed"
    assert last["error"]["type"] == "DatasetError"
    assert last["message"] in found.stderr


def test_progress_for_programs_is_of_quick_training_only(data: Path, tmp_path: Path) -> None:
    found = _edgecls("train", data, "-o", tmp_path / "m.onnx", "--progress", "json")

    assert found.exit_code == 2
    assert "add --quick" in found.stderr


@pytest.mark.parametrize("held_out", [None, 0.6], ids=["cross-validated", "held out"])
def test_the_model_file_describes_images_that_its_head_was_not_fitted_to(
    held_out: float | None, tmp_path: Path
) -> None:
    data = write_class_folders(tmp_path / "data", per_label=12)
    made = run_quick_training(data, tmp_path / "m.onnx", QuickConfig(seed=1, validation_fraction=held_out))
    card = read_model(tmp_path / "m.onnx").card

    assert card.reference is not None
    assert (made.folds is None) == (held_out is not None)
    assert set(card.reference.histograms) == set(VALUES)
    assert 20 <= card.reference.images == sum(card.reference.labels.counts) <= 36
    assert len(json.dumps(reference_to_dict(card.reference))) < 3000
