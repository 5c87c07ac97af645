"""The run directory: what may begin, go on or be replaced there."""

from dataclasses import replace
from pathlib import Path

import pytest

from edgecls.errors import OutputError, TrainingError
from edgecls.image_spec import ImageSpec
from edgecls.training.config import Cache, TrainConfig
from edgecls.training.run_directory import ExistingRun, RunDirectory, RunFacts

CONFIG = TrainConfig(ImageSpec(8, 8), arch="simple_cnn")
FACTS = RunFacts("ab" * 32, 90, 10)


def _begun(folder: Path, *, checkpoint: bool) -> RunDirectory:
    run = RunDirectory(folder)
    run.begin(CONFIG, FACTS)
    if checkpoint:
        (folder / "checkpoint.npz").write_bytes(b"state")
        (folder / "best-2.weights.h5").write_bytes(b"weights")
    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "模型.run"


def test_a_new_or_empty_folder_is_fine(folder: Path) -> None:
    RunDirectory(folder).check(ExistingRun.REPLACE_FINISHED)
    folder.mkdir()
    RunDirectory(folder).check(ExistingRun.OVERWRITE)

    with pytest.raises(TrainingError, match=r"there is no run in .* to resume; omit --resume"):
        RunDirectory(folder).check(ExistingRun.RESUME)


def test_an_unfinished_run_is_not_lost_by_accident(folder: Path) -> None:
    run = _begun(folder, checkpoint=True)

    with pytest.raises(TrainingError, match="has an unfinished run; continue it with --resume, or replace it"):
        run.check(ExistingRun.REPLACE_FINISHED)
    run.check(ExistingRun.RESUME)
    run.check(ExistingRun.OVERWRITE)


@pytest.mark.parametrize("open_weights", ["auto", "imagenet"])
def test_weights_that_are_left_open_are_those_of_the_run_that_is_resumed(folder: Path, open_weights: str) -> None:
    begun = RunDirectory(folder)
    begun.weights_from = "the package"
    begun.begin(replace(CONFIG, weights="package", variant="torchvision"), FACTS)
    run = RunDirectory(folder)

    settled = run.with_recorded_weights(replace(CONFIG, weights=open_weights))

    assert (settled.weights, settled.variant, run.weights_from) == ("package", "torchvision", "the package")
    for other in (replace(CONFIG, weights="none"), replace(CONFIG, arch="resnet18", weights=open_weights)):
        assert run.with_recorded_weights(other) == other


def test_a_run_without_a_whole_epoch_can_be_replaced_or_gone_on_with(folder: Path) -> None:
    run = _begun(folder, checkpoint=False)

    run.check(ExistingRun.REPLACE_FINISHED)
    run.check(ExistingRun.RESUME)
    assert run.resume(CONFIG, FACTS) is None


def test_a_finished_run_is_replaced_and_cannot_go_on(folder: Path) -> None:
    run = _begun(folder, checkpoint=True)
    run.finish()

    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "run.json"]
    run.check(ExistingRun.REPLACE_FINISHED)
    with pytest.raises(TrainingError, match="is finished; omit --resume to train again"):
        run.check(ExistingRun.RESUME)


def test_a_folder_of_something_else_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.doc").write_text("mine")

    for existing in (ExistingRun.REPLACE_FINISHED, ExistingRun.OVERWRITE):
        with pytest.raises(OutputError, match="already exists and is not a run directory; choose another --run-dir"):
            RunDirectory(folder).check(existing)


def test_a_run_that_cannot_be_written_is_found_out_first(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        RunDirectory(tmp_path / "no" / "folder").check(ExistingRun.REPLACE_FINISHED)


def test_beginning_anew_removes_the_files_of_the_old_run_and_no_others(folder: Path) -> None:
    run = _begun(folder, checkpoint=True)
    run.tensorboard_path.mkdir()
    (folder / "notes.txt").write_text("mine")
    run.begin(replace(CONFIG, epochs=3), FACTS)

    assert sorted(path.name for path in folder.iterdir()) == ["config.toml", "notes.txt", "run.json"]
    assert run.saved_settings()["epochs"] == 3


@pytest.mark.parametrize(
    ("config", "facts", "message"),
    [
        (replace(CONFIG, epochs=3), FACTS, "because it differs: epochs was 20 and is now 3. Use the same images"),
        (CONFIG, RunFacts("cd" * 32, 90, 10), f"dataset_sha256 was {'ab' * 32} and is now {'cd' * 32}"),
        (CONFIG, RunFacts("ab" * 32, 80, 20), "train_images was 90 and is now 80; validation_images was 10"),
    ],
    ids=["settings", "images", "split"],
)
def test_another_run_cannot_go_on(folder: Path, config: TrainConfig, facts: RunFacts, message: str) -> None:
    run = _begun(folder, checkpoint=True)

    with pytest.raises(TrainingError) as caught:
        run.resume(config, facts)

    assert message in str(caught.value)


def test_where_images_are_kept_may_change(folder: Path) -> None:
    run = _begun(folder, checkpoint=False)

    assert run.resume(replace(CONFIG, cache=Cache.STREAM), FACTS) is None


def test_a_run_without_an_epoch_leaves_nothing(folder: Path) -> None:
    _begun(folder, checkpoint=False).discard_if_empty()

    assert not folder.exists()
    _begun(folder, checkpoint=True).discard_if_empty()
    assert (folder / "checkpoint.npz").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 99, "finished": true}'])
def test_damaged_facts_are_refused(folder: Path, text: str) -> None:
    run = _begun(folder, checkpoint=False)
    (folder / "run.json").write_text(text)

    with pytest.raises(TrainingError, match="choose another --run-dir"):
        run.check(ExistingRun.REPLACE_FINISHED)


def test_the_model_is_kept_with_the_run_and_leaves_with_it(tmp_path: Path) -> None:
    onnx, keras = tmp_path / "花.onnx", tmp_path / "花.keras"
    onnx.write_bytes(b"first")
    keras.write_bytes(b"weights")
    (tmp_path / "花.run").mkdir()
    run = RunDirectory(tmp_path / "花.run")

    for content in (b"first", b"second"):  # a resumed run keeps its model once more
        onnx.unlink()
        onnx.write_bytes(content)
        run.keep_model(onnx, keras)
        run.keep_model(onnx, keras)

        assert (run.path / "model.onnx").read_bytes() == content
    assert sorted(path.name for path in run.path.iterdir()) == ["model.keras", "model.onnx"]
    run.drop_model()
    run.drop_model()
    assert list(run.path.iterdir()) == []
    assert onnx.read_bytes() == b"second"
