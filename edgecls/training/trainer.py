"""Fitting a network stage by stage, keeping the weights of the best epoch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from edgecls.dataset.pixel_cache import CachedImages, StreamedPixels
from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.models import Origin, build_with_origin
from edgecls.runtime.machine.cores import usable_cores
from edgecls.training.batches import ImageBatches, augmenting
from edgecls.training.checkpoint import Checkpoint, Checkpoints
from edgecls.training.config import ClassWeights, TrainConfig
from edgecls.training.devices import is_out_of_memory
from edgecls.training.epoch_keeper import EpochKeeper, Stopped, Watch
from edgecls.training.stages import (
    choose_trainable,
    keeping_features,
    make_optimizer,
    plan_stages,
    rate_factors,
)

__all__ = [
    "StartedNetwork",
    "TrainedNetwork",
    "build_network",
    "cross_entropy",
    "label_weights",
    "start_network",
    "train",
]


def cross_entropy(*, num_classes: int, label_smoothing: float) -> Callable[[object, object], object]:
    """Return the cross-entropy between labels and probabilities, in nats, for each image of a batch.

    Args:
        num_classes: Number of labels.
        label_smoothing: Fraction of the target that is spread evenly over all labels, 0 to below 1.
    """
    if not label_smoothing:
        return keras.losses.sparse_categorical_crossentropy  # type: ignore[no-any-return]

    def smoothed_cross_entropy(label_ids: object, probabilities: object) -> object:
        wanted = keras.ops.one_hot(keras.ops.reshape(label_ids, (-1,)), num_classes)
        return keras.losses.categorical_crossentropy(wanted, probabilities, label_smoothing=label_smoothing)

    return smoothed_cross_entropy


def label_weights(
    label_ids: npt.NDArray[np.int32], *, num_classes: int, kind: ClassWeights
) -> npt.NDArray[np.float32] | None:
    """Return the weight of the images of each label, float32 ``[num_classes]``, or None if all are equal.

    Balanced weights give each label the same sum; over all images their mean is 1.

    Args:
        label_ids: The labels of the training images; each occurs.
        num_classes: Number of labels.
        kind: Which weights.
    """
    if kind is ClassWeights.NONE:
        return None
    counts = np.bincount(label_ids, minlength=num_classes)
    return (len(label_ids) / (num_classes * counts)).astype(np.float32)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the weights of its best epoch, and the results of all epochs.

    Attributes:
        network: The network.
        history: All finished epochs.
        best: The best of them.
        is_complete: False if training was stopped before its end.
    """

    network: keras.Model
    history: tuple[EpochReport, ...]
    best: EpochReport
    is_complete: bool = True


@dataclass(frozen=True)
class StartedNetwork:
    """A network before training.

    Attributes:
        network: The network.
        config: The settings, with weights and variant as they were chosen: the same ones are chosen again with them.
        origin: Where its weights come from.
    """

    network: keras.Model
    config: TrainConfig
    origin: Origin


def build_network(config: TrainConfig, *, num_classes: int, policy: str = "float32") -> keras.Model:
    """Build the network of a training run; as `start_network`, of which it returns the network only."""
    return start_network(config, num_classes=num_classes, policy=policy).network


def start_network(config: TrainConfig, *, num_classes: int, policy: str = "float32") -> StartedNetwork:
    """Build the network of a training run, with its initial or pretrained weights.

    Seeds all random numbers of Keras, and so of the training that follows.

    Args:
        config: The settings.
        num_classes: Number of labels.
        policy: Name of the dtype policy of its layers.

    Raises:
        ModelConfigError: The architecture cannot be built with these settings, or the weights do not fit.
    """
    keras.utils.set_random_seed(config.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        network, origin = build_with_origin(
            config.arch,
            num_classes=num_classes,
            spec=config.image,
            weights=config.weights,
            variant=config.variant,
            **_head_settings(config),
        )
    finally:
        keras.config.set_dtype_policy(before)
    return StartedNetwork(network, replace(config, weights=origin.weights, variant=origin.variant), origin)


def _head_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings of the head that differ from the defaults of the architecture."""
    named = {"head": config.head, "dropout": config.dropout, "hidden_units": config.hidden_units}
    return {name: value for name, value in named.items() if value is not None}


def train(
    config: TrainConfig,
    network: keras.Model,
    images: CachedImages,
    *,
    train_indices: Sequence[int],
    validation_indices: Sequence[int],
    checkpoints: Checkpoints | None = None,
    resumed: Checkpoint | None = None,
    tensorboard: Path | None = None,
    device_count: int = 1,
    watch: Watch | None = None,
) -> TrainedNetwork:
    """Train a network and keep the weights of its best epoch.

    The best epoch is the one with the highest validation accuracy; of equals, the one with the lowest
    validation loss. With pretrained weights, the new layers train alone first,
    then all layers, the pretrained ones at a lower learning rate; batch normalisation keeps its
    pretrained statistics.

    Args:
        config: The settings.
        network: As `build_network` makes it; it is trained in place.
        images: Pixels and labels.
        train_indices: Which images to train on.
        validation_indices: Which images to choose the best epoch on.
        checkpoints: Where the state is written after each epoch; None to write nothing.
        resumed: The state to resume from; None to start.
        tensorboard: A folder for logs for TensorBoard; None to write nothing.
        device_count: Number of devices that share each batch.
        watch: Callbacks.

    Raises:
        TrainingError: The loss became infinite or NaN, a device lacks memory, a batch or the validation
            images cannot be shared, or training was stopped before the first epoch was finished.
    """
    if config.batch_size % device_count or len(validation_indices) < device_count:
        raise TrainingError(
            f"{device_count} devices cannot share batches of {config.batch_size} and {len(validation_indices)} "
            f"validation images; use a --batch-size that is a multiple of {device_count}, and more validation images"
        )
    amounts = config.augmentation if config.augment else None
    stages = plan_stages(config)
    fitted = augmenting(network, amounts, seed=config.seed)
    keeping = fitted
    if config.keep_features and any(stage.keeps_features for stage in stages):
        keeping = augmenting(keeping_features(network, weight=config.keep_features), amounts, seed=config.seed)
    num_classes = len(images.labels)
    workers = usable_cores() if isinstance(images.pixels, StreamedPixels) else 1
    weights = label_weights(images.label_ids[train_indices], num_classes=num_classes, kind=config.class_weights)
    keeper = EpochKeeper(config, network, checkpoints, watch or Watch())
    if resumed is not None:
        keeper.take_up(resumed)
    batches_of = partial(ImageBatches, batch_size=config.batch_size, workers=workers, shares=device_count)
    with (
        batches_of(images, train_indices, label_weights=weights) as shown,
        batches_of(images, validation_indices) as held_out,
    ):
        for stage in stages:
            if keeper.is_over or len(keeper.history) >= stage.last_epoch:
                continue
            choose_trainable(network, stage)
            fitted = keeping if stage.keeps_features else fitted
            optimizer = make_optimizer(
                config,
                steps=len(shown) * stage.epochs,
                factors=rate_factors(network, stage),
                compute_dtype=network.compute_dtype,
            )
            fitted.compile(
                optimizer=optimizer,
                loss=cross_entropy(num_classes=num_classes, label_smoothing=config.label_smoothing),
                metrics=["accuracy", keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy")],
            )
            fitted.optimizer.build(fitted.trainable_variables)
            if resumed is not None and len(keeper.history) >= stage.first_epoch:
                resumed.restore_optimizer(fitted.optimizer)
            keeper.enter(stage, shown)
            if keeper.is_over:
                break
            callbacks: list[keras.callbacks.Callback] = [keeper]
            if tensorboard is not None:
                callbacks.append(keras.callbacks.TensorBoard(tensorboard, write_graph=False))
            try:
                fitted.fit(
                    shown.for_fit(),
                    initial_epoch=len(keeper.history),
                    epochs=stage.last_epoch,
                    validation_data=held_out.for_fit(),
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
            except Stopped:
                break
            except Exception as error:
                _explain(error, shown.fault or held_out.fault, config.batch_size)
                raise
    network.trainable = True
    best = keeper.restore_best()
    is_complete = keeper.is_over or len(keeper.history) == config.epochs
    return TrainedNetwork(network, tuple(keeper.history), best, is_complete)


def _explain(error: Exception, fault: Exception | None, batch_size: int) -> None:
    """Raise an error with a message for users, if the cause is known."""
    if fault is not None:
        raise TrainingError(f"an image could no longer be read during training: {fault}") from fault
    if is_out_of_memory(error):
        raise TrainingError(
            f"not enough memory for batches of {batch_size} images; use a smaller --batch-size"
        ) from error
