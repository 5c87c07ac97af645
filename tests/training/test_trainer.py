"""Fitting: learning, stages, the best epoch, reproducibility."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
from image_folders import write_class_folders

from edgecls.dataset.formats.folders import read_class_folders
from edgecls.dataset.pixel_cache import CachedImages, cache_images
from edgecls.dataset.splits.partition import partition
from edgecls.errors import TrainingError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.models import HEAD_PREFIX, build_model, pooled_features
from edgecls.training.batches import augmenting
from edgecls.training.config import Augmentation, TrainConfig
from edgecls.training.epoch_keeper import Watch
from edgecls.training.trainer import TrainedNetwork, build_network, train

SPEC = ImageSpec(16, 16, Color.RGB, Fit.STRETCH)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> CachedImages:
    root = write_class_folders(tmp_path_factory.mktemp("data"), per_label=20)
    return cache_images(read_class_folders(root), SPEC, workers=2)


def _split(images: CachedImages) -> tuple[Sequence[int], Sequence[int]]:
    train_indices, held_out = partition(images.label_ids.tolist(), range(len(images.label_ids)), (80, 20), 0)
    return train_indices, held_out


def _train(images: CachedImages, **settings: object) -> TrainedNetwork:
    usual: dict[str, object] = {"arch": "simple_cnn", "epochs": 3, "batch_size": 8, "augment": False, "weights": "none"}
    train_indices, held_out = _split(images)
    config = TrainConfig(SPEC, **{**usual, **settings})  # type: ignore[arg-type]
    return train(
        config,
        build_network(config, num_classes=3),
        images,
        train_indices=train_indices,
        validation_indices=held_out,
    )


@pytest.mark.parametrize("augment", [True, False], ids=["augmented", "as-they-are"])
def test_it_learns_to_tell_colours_apart(images: CachedImages, augment: bool) -> None:
    trained = _train(images, epochs=6, augment=augment)

    assert trained.best.validation_accuracy > 0.9
    assert trained.history[-1].loss < trained.history[0].loss


def test_the_network_has_the_weights_of_its_best_epoch(images: CachedImages) -> None:
    # A rate this large makes the later epochs worse than the best one.
    trained = _train(images, epochs=5, learning_rate=0.05)

    keys = [(report.validation_accuracy, -report.validation_loss) for report in trained.history]
    assert trained.history.index(trained.best) == keys.index(max(keys))
    _, held_out = _split(images)
    answers = trained.network.predict(images.pixels[held_out], verbose=0)
    accuracy = (answers.argmax(axis=1) == images.label_ids[held_out]).mean()
    assert accuracy == pytest.approx(trained.best.validation_accuracy)
    losses = -np.log(answers[np.arange(len(held_out)), images.label_ids[held_out]].clip(1e-7))
    assert losses.mean() == pytest.approx(trained.best.validation_loss, rel=1e-3, abs=1e-6)


def test_the_same_seed_gives_the_same_run(images: CachedImages) -> None:
    first, second, other = (_train(images, epochs=2, augment=True, seed=seed) for seed in (7, 7, 8))

    losses = [[report.loss for report in trained.history] for trained in (first, second, other)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert not np.allclose(losses[0], losses[2], rtol=1e-3)


def test_pretrained_weights_train_in_two_stages(images: CachedImages, tmp_path: Path) -> None:
    donor = build_model("simple_cnn", num_classes=4, spec=SPEC)
    donor.save_weights(tmp_path / "donor.weights.h5")

    head_only = _train(images, epochs=1, weights=str(tmp_path / "donor.weights.h5"))
    both = _train(images, epochs=6, weights=str(tmp_path / "donor.weights.h5"))

    assert [report.stage for report in head_only.history] == ["head"]
    assert [report.stage for report in both.history] == ["head", "head", *["all layers"] * 4]
    assert [report.epoch for report in both.history] == [1, 2, 3, 4, 5, 6]
    changed = _changed_layers(donor, head_only.network)
    assert changed == {HEAD_PREFIX + "dense", HEAD_PREFIX + "logits"}
    assert _changed_layers(donor, both.network) >= {"block1_conv", "block3_conv"}


def test_keeping_features_leaves_them_nearer_to_the_pretrained_ones(images: CachedImages, tmp_path: Path) -> None:
    donor = build_model("simple_cnn", num_classes=4, spec=SPEC)
    donor.save_weights(tmp_path / "donor.weights.h5")
    settings = {"epochs": 4, "weights": str(tmp_path / "donor.weights.h5"), "learning_rate": 0.01}

    free, kept = (_train(images, keep_features=weight, **settings) for weight in (0.0, 30.0))

    turned = [_mean_cosine(donor, trained.network, images.pixels[:20]) for trained in (free, kept)]
    assert turned[1] > turned[0] + 0.01
    assert kept.best.validation_accuracy > 0.5
    assert _changed_layers(donor, kept.network) >= {"block1_conv", "block3_conv"}


def _mean_cosine(before: keras.Model, after: keras.Model, pixels: np.ndarray) -> float:
    first, second = (
        keras.Model(model.input, pooled_features(model)).predict(pixels, verbose=0) for model in (before, after)
    )
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(np.mean((first * second).sum(axis=1) / lengths))


def _changed_layers(before: keras.Model, after: keras.Model) -> set[str]:
    return {
        new.path.rpartition("/")[0]
        for old, new in zip(before.weights, after.weights, strict=True)
        if old.shape != new.shape or not np.array_equal(old.numpy(), new.numpy())
    }


def test_a_loss_that_is_no_number_ends_the_run(images: CachedImages, tmp_path: Path) -> None:
    donor = build_model("simple_cnn", num_classes=4, spec=SPEC)
    donor.get_layer("block3_norm").gamma.assign(np.full(128, 1e38, np.float32))
    donor.save_weights(tmp_path / "donor.weights.h5")

    with pytest.raises(TrainingError, match="the loss became nan in epoch 1"):
        _train(images, weights=str(tmp_path / "donor.weights.h5"))


def test_every_epoch_and_every_step_is_told(images: CachedImages) -> None:
    epochs, steps = [], []
    train_indices, held_out = _split(images)

    config = TrainConfig(SPEC, arch="simple_cnn", epochs=2, batch_size=10, augment=False, weights="none")
    train(
        config,
        build_network(config, num_classes=3),
        images,
        train_indices=train_indices,
        validation_indices=held_out,
        watch=Watch(
            on_epoch=lambda report: epochs.append((report.epoch, report.epochs)),
            on_batch=lambda done, total, loss, accuracy: steps.append((done, total)),
        ),
    )

    assert epochs == [(1, 2), (2, 2)]
    assert steps == [(done, 5) for _ in range(2) for done in range(1, 6)]


def test_augmentation_changes_images_in_training_and_keeps_them_uint8() -> None:
    seen = []

    @keras.saving.register_keras_serializable("tests")
    class Spy(keras.layers.Layer):
        def call(self, images):  # type: ignore[no-untyped-def]
            seen.append(images)
            return keras.ops.cast(images, "float32")

    inputs = keras.Input((32, 32, 3), dtype="uint8", name="image")
    network = keras.Model(inputs, Spy()(inputs))
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    augmented = augmenting(network, Augmentation(), seed=0)
    seen.clear()

    in_use = augmented(images, training=False)
    in_training = augmented(images, training=True)

    assert [str(tensor.dtype) for tensor in seen] == ["<dtype: 'uint8'>"] * 2
    np.testing.assert_array_equal(in_use, images)
    assert np.abs(np.asarray(in_training) - images).mean() > 5
