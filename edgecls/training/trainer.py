"""Fitting a network: stages, the best epoch, progress."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from edgecls.dataset.pixel_cache import CachedPictures
from edgecls.errors import TrainingError
from edgecls.models import HEAD_PREFIX, NO_WEIGHTS, build_model
from edgecls.training.augmentation import augmenting
from edgecls.training.config import TrainConfig

__all__ = ["EpochReport", "TrainedNetwork", "build_network", "train"]

HEAD_STAGE_PART = 0.25  # of all epochs, given to the new layers alone while pretrained ones are frozen
HEAD_STAGE_MAX_EPOCHS = 3
FINE_TUNE_FACTOR = 0.3  # of the learning rate, once pretrained layers train too


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to.

    Attributes:
        epoch: Its number, from 1.
        epochs: Number of all epochs.
        stage: "head", "all layers": what was trained.
        loss: Mean cross-entropy over the (augmented) training pictures, in nats.
        accuracy: Part of them that was labelled right, 0 to 1.
        validation_loss: The same for the pictures held out.
        validation_accuracy: The same for the pictures held out.
        duration_s: Seconds it took.
        is_best: Whether it is the best so far.
    """

    epoch: int
    epochs: int
    stage: str
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    duration_s: float
    is_best: bool


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the weights of its best epoch, and what each epoch came to."""

    network: keras.Model
    history: tuple[EpochReport, ...]
    best: EpochReport


@dataclass(frozen=True)
class _Stage:
    name: str
    epochs: int
    learning_rate: float


def build_network(config: TrainConfig, *, num_classes: int) -> keras.Model:
    """Build the network of a training run, with its initial or pretrained weights.

    Seeds all random numbers of Keras, and so of the training that follows.

    Raises:
        ModelConfigError: The architecture cannot be built so, or the weights do not fit.
    """
    keras.utils.set_random_seed(config.seed)
    return build_model(config.arch, num_classes=num_classes, spec=config.image, weights=config.weights)


def train(
    config: TrainConfig,
    network: keras.Model,
    pictures: CachedPictures,
    *,
    train_indices: Sequence[int],
    validation_indices: Sequence[int],
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_batch: Callable[[int, int, float, float], None] = lambda done, total, loss, accuracy: None,
) -> TrainedNetwork:
    """Train a network and keep the weights of its best epoch.

    The best epoch is the one with the highest accuracy on the pictures held out; of equals, the
    one with the lowest loss on them. With pretrained weights, the new layers train alone first,
    then all layers at a lower learning rate; batch normalisation keeps its pretrained statistics.

    Args:
        config: The settings.
        network: As `build_network` makes it; it is trained in place.
        pictures: Pixels and labels.
        train_indices: Which pictures to train on.
        validation_indices: Which pictures to choose the best epoch on.
        on_epoch: Called after each epoch.
        on_batch: Called after each step with the steps done and all steps of the epoch, loss and accuracy so far.

    Raises:
        TrainingError: The loss became infinite or NaN.
    """
    fitted = augmenting(network, seed=config.seed) if config.augment else network
    watcher = _Watcher(network, config.epochs, on_epoch, on_batch)
    training = (pictures.pixels[train_indices], pictures.label_ids[train_indices])
    validation = (pictures.pixels[validation_indices], pictures.label_ids[validation_indices])
    for stage in _stages(config):
        _choose_trainable(network, stage, pretrained=config.weights != NO_WEIGHTS)
        steps = -(-len(train_indices) // config.batch_size) * stage.epochs
        fitted.compile(
            optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(stage.learning_rate, steps)),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        watcher.stage = stage.name
        fitted.fit(
            *training,
            batch_size=config.batch_size,
            epochs=stage.epochs,
            validation_data=validation,
            callbacks=[watcher],
            verbose=0,
        )
    network.trainable = True
    return watcher.result()


def _stages(config: TrainConfig) -> list[_Stage]:
    if config.weights == NO_WEIGHTS:
        return [_Stage("all layers", config.epochs, config.learning_rate)]
    head_epochs = min(HEAD_STAGE_MAX_EPOCHS, max(1, round(config.epochs * HEAD_STAGE_PART)))
    stages = [_Stage("head", head_epochs, config.learning_rate)]
    if config.epochs > head_epochs:
        stages.append(_Stage("all layers", config.epochs - head_epochs, config.learning_rate * FINE_TUNE_FACTOR))
    return stages


def _choose_trainable(network: keras.Model, stage: _Stage, *, pretrained: bool) -> None:
    for layer in network.layers:
        if stage.name == "head":
            layer.trainable = layer.name.startswith(HEAD_PREFIX)
        else:
            layer.trainable = not (pretrained and isinstance(layer, keras.layers.BatchNormalization))


class _Watcher(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Reports progress, keeps the best weights, stops when the loss is no number."""

    def __init__(
        self,
        network: keras.Model,
        epochs: int,
        on_epoch: Callable[[EpochReport], None],
        on_batch: Callable[[int, int, float, float], None],
    ) -> None:
        super().__init__()
        self.stage = ""
        self._network = network
        self._epochs = epochs
        self._on_epoch = on_epoch
        self._on_batch = on_batch
        self._history: list[EpochReport] = []
        self._best: EpochReport | None = None
        self._best_weights: list[np.ndarray] = []
        self._started_s = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started_s = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._on_batch(batch + 1, self.params["steps"], logs.get("loss", np.nan), logs.get("accuracy", np.nan))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        if not (np.isfinite(logs["loss"]) and np.isfinite(logs["val_loss"])):
            raise TrainingError(
                f"the loss became {logs['loss']} in epoch {len(self._history) + 1}; "
                "use a smaller learning rate, or other weights"
            )
        key = (logs["val_accuracy"], -logs["val_loss"])
        is_best = self._best is None or key > (self._best.validation_accuracy, -self._best.validation_loss)
        report = EpochReport(
            epoch=len(self._history) + 1,
            epochs=self._epochs,
            stage=self.stage,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            validation_loss=float(logs["val_loss"]),
            validation_accuracy=float(logs["val_accuracy"]),
            duration_s=time.monotonic() - self._started_s,
            is_best=is_best,
        )
        self._history.append(report)
        if is_best:
            self._best = report
            self._best_weights = self._network.get_weights()
        self._on_epoch(report)

    def result(self) -> TrainedNetwork:
        """Put the best weights back and return the network."""
        if self._best is None:
            raise TrainingError("no epoch was finished; train for at least one")
        self._network.set_weights(self._best_weights)
        return TrainedNetwork(self._network, tuple(self._history), self._best)
