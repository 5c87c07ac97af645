"""A run that was stopped in the middle of an epoch and goes on gives what an undisturbed one gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_folders import write_class_folders

from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import CachedImages, cache_images
from edgecls.dataset.splits.partition import partition
from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.image_spec import ImageSpec
from edgecls.models import build_model
from edgecls.training.checkpoint import Checkpoints
from edgecls.training.config import MixedPrecision, Schedule, TrainConfig
from edgecls.training.epoch_keeper import Watch
from edgecls.training.trainer import TrainedNetwork, build_network, train

SPEC = ImageSpec(16, 16)
BASE = TrainConfig(SPEC, arch="simple_cnn", weights="none", epochs=4, batch_size=10)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> CachedImages:
    root = write_class_folders(tmp_path_factory.mktemp("resume"), per_label=20)
    return cache_images(read_class_folders(root), SPEC, workers=2)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "donor.weights.h5"
    build_model("simple_cnn", num_classes=2, spec=SPEC).save_weights(path)
    return str(path)


def _run(
    config: TrainConfig,
    images: CachedImages,
    folder: Path,
    *,
    stop_after_steps: int = 10**9,
    go_on: bool = False,
    policy: str = "float32",
) -> TrainedNetwork:
    steps = 0

    def count(done: int, total: int, loss: float, accuracy: float) -> None:
        nonlocal steps
        steps += 1

    train_indices, held_out = partition(images.label_ids.tolist(), range(len(images.label_ids)), (80, 20), seed=0)
    checkpoints = Checkpoints(folder)
    return train(
        config,
        build_network(config, num_classes=3, policy=policy),
        images,
        train_indices=train_indices,
        validation_indices=held_out,
        checkpoints=checkpoints,
        resumed=checkpoints.load() if go_on else None,
        watch=Watch(on_batch=count, should_stop=lambda: steps >= stop_after_steps),
    )


def _numbers(history: tuple[EpochReport, ...]) -> list[tuple[float, ...]]:
    return [(report.epoch, report.loss, report.validation_loss, report.learning_rate) for report in history]


@pytest.mark.parametrize(
    ("change", "pretrained", "steps"),
    [
        ({}, False, 7),
        ({"schedule": Schedule.PLATEAU, "plateau_patience": 1, "learning_rate": 0.02}, False, 13),
        ({"epochs": 6, "label_smoothing": 0.1}, True, 12),
        ({"epochs": 6}, True, 18),
    ],
    ids=["cosine", "plateau", "between-the-stages", "in-the-second-stage"],
)
def test_it_goes_on_with_the_same_numbers(
    images: CachedImages,
    weights_file: str,
    tmp_path: Path,
    change: dict[str, object],
    pretrained: bool,
    steps: int,
) -> None:
    config = replace(BASE, **change, weights=weights_file if pretrained else "none")  # type: ignore[arg-type]
    folders = [tmp_path / name for name in ("undisturbed", "stopped")]
    for folder in folders:
        folder.mkdir()

    undisturbed = _run(config, images, folders[0])
    stopped = _run(config, images, folders[1], stop_after_steps=steps)
    resumed = _run(config, images, folders[1], go_on=True)

    assert not stopped.is_complete
    assert len(stopped.history) == (steps - 1) // 5
    assert resumed.is_complete
    np.testing.assert_allclose(_numbers(resumed.history), _numbers(undisturbed.history), rtol=0, atol=1e-4)
    assert resumed.best.epoch == undisturbed.best.epoch
    for one, other in zip(resumed.network.get_weights(), undisturbed.network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


def test_a_stopped_run_gives_its_best_epoch_so_far(images: CachedImages, tmp_path: Path) -> None:
    stopped = _run(BASE, images, tmp_path, stop_after_steps=12)

    assert [report.epoch for report in stopped.history] == [1, 2]
    best = Checkpoints(tmp_path).load().best_weights
    assert best.name == f"best-{stopped.best.epoch}.weights.h5"
    answers = stopped.network.predict(images.pixels, verbose=0)
    stopped.network.load_weights(best)
    np.testing.assert_array_equal(answers, stopped.network.predict(images.pixels, verbose=0))


def test_a_run_stopped_in_its_first_epoch_has_nothing_to_give(images: CachedImages, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="stopped before the first epoch was finished; there is no model yet"):
        _run(BASE, images, tmp_path, stop_after_steps=3)

    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_after_its_last_epoch_only_puts_the_best_weights_back(
    images: CachedImages, tmp_path: Path
) -> None:
    first = _run(BASE, images, tmp_path)
    again = _run(BASE, images, tmp_path, go_on=True)

    assert again.history == first.history
    np.testing.assert_array_equal(again.network.get_weights()[0], first.network.get_weights()[0])


def test_only_the_latest_state_and_the_best_weights_are_kept(images: CachedImages, tmp_path: Path) -> None:
    trained = _run(BASE, images, tmp_path)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"best-{trained.best.epoch}.weights.h5", "checkpoint.npz"]


def test_early_stopping_ends_the_run_and_a_resumed_one_alike(images: CachedImages, tmp_path: Path) -> None:
    # With a rate like this the first epochs are as good as any.
    config = replace(BASE, epochs=30, early_stopping_patience=2, schedule=Schedule.CONSTANT, learning_rate=0.1)

    trained = _run(config, images, tmp_path)

    assert trained.is_complete
    assert len(trained.history) == trained.best.epoch + 2 < 30
    assert _run(config, images, tmp_path, go_on=True).history == trained.history


def test_mixed_precision_trains_and_goes_on(images: CachedImages, tmp_path: Path) -> None:
    config = replace(BASE, mixed_precision=MixedPrecision.ON, epochs=2)
    for name in ("undisturbed", "stopped"):
        (tmp_path / name).mkdir()

    undisturbed = _run(config, images, tmp_path / "undisturbed", policy="mixed_float16")
    _run(config, images, tmp_path / "stopped", policy="mixed_float16", stop_after_steps=8)
    resumed = _run(config, images, tmp_path / "stopped", policy="mixed_float16", go_on=True)

    assert undisturbed.network.get_layer("block1_conv").compute_dtype == "float16"
    np.testing.assert_allclose(_numbers(resumed.history), _numbers(undisturbed.history), rtol=0, atol=1e-3)


def test_a_damaged_checkpoint_is_refused(images: CachedImages, tmp_path: Path) -> None:
    _run(BASE, images, tmp_path, stop_after_steps=6)
    path = tmp_path / "checkpoint.npz"
    whole = path.read_bytes()

    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"checkpoint\.npz' is damaged: .*; start again with --overwrite"):
        Checkpoints(tmp_path).load()

    path.write_bytes(whole)
    next(tmp_path.glob("best-*")).unlink()
    with pytest.raises(TrainingError, match="the checkpoint lacks its file"):
        Checkpoints(tmp_path).load()


def test_a_checkpoint_of_another_optimizer_is_refused(images: CachedImages, tmp_path: Path) -> None:
    _run(BASE, images, tmp_path, stop_after_steps=6, policy="mixed_float16")

    with pytest.raises(TrainingError, match="the checkpoint is of a run on another kind of device"):
        _run(BASE, images, tmp_path, go_on=True)
