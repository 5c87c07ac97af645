"""The callback around each epoch: order and random numbers before, report and checkpoint after; stopping by Ctrl-C."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

import keras
import numpy as np

from edgecls.errors import TrainingError
from edgecls.evaluation.history import EpochReport, best_of, epochs_since_best, is_better
from edgecls.training.batches import ImageBatches, shuffled
from edgecls.training.checkpoint import Checkpoint, Checkpoints
from edgecls.training.config import Schedule, TrainConfig
from edgecls.training.stages import Stage, rate_after

__all__ = ["EpochKeeper", "Stopped", "StoppedTooSoonError", "Watch", "reseed", "stop_request"]

STATE_SUFFIX = "seed_generator_state"  # ends the path of the variable that a keras.random.SeedGenerator draws from


def reseed(model: keras.Model, *, seed: int, epoch: int) -> None:
    """Reset all random generators of a model, of augmentation and dropout, to their state at the start of an epoch."""
    states = [variable for variable in model.variables if variable.path.endswith(STATE_SUFFIX)]
    seeds = (
        np.random.SeedSequence([seed, epoch, len(states)]).generate_state(max(1, len(states))) >> 1
    )  # fits int32, too
    for state, value in zip(states, seeds, strict=False):
        state.assign([int(value), 0])


@dataclass(frozen=True)
class Watch:
    """Callbacks that observe a training run and may stop it.

    Attributes:
        on_epoch: Called after each epoch, when its checkpoint is written.
        on_batch: Called after each step with the steps done and all steps of the epoch, loss and accuracy so far.
        should_stop: Called after each step; True ends training, without the unfinished epoch.
    """

    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_batch: Callable[[int, int, float, float], None] = field(default=lambda done, total, loss, accuracy: None)
    should_stop: Callable[[], bool] = field(default=lambda: False)


class Stopped(Exception):  # noqa: N818  # is no error
    """Ends `fit` in the middle of an epoch."""


class StoppedTooSoonError(TrainingError):
    """Training was stopped before its first epoch was finished."""


class EpochKeeper(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Prepares each epoch, reports it, keeps the best weights and the checkpoint, and ends training early.

    Attributes:
        history: The epochs so far.
        is_over: Whether training has ended early.
    """

    def __init__(
        self, config: TrainConfig, network: keras.Model, checkpoints: Checkpoints | None, watch: Watch
    ) -> None:
        """
        Args:
            config: The settings.
            network: What is trained, without the augmentation around it.
            checkpoints: Where the state is written after each epoch; None to write nothing.
            watch: Callbacks.
        """
        super().__init__()
        self.history: list[EpochReport] = []
        self.is_over = False
        self._config = config
        self._network = network
        self._checkpoints = checkpoints
        self._watch = watch
        self._best_weights: list[np.ndarray] = []
        self._stage: Stage
        self._shown: ImageBatches
        self._started_s = 0.0

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Restore the state of a checkpoint."""
        self.history = list(checkpoint.history)
        self._network.load_weights(checkpoint.best_weights)
        self._best_weights = self._network.get_weights()
        self._network.set_weights(checkpoint.weights)

    def enter(self, stage: Stage, shown: ImageBatches) -> None:
        """Start or continue a stage."""
        self._stage = stage
        self._shown = shown
        self.is_over = self._has_stalled()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        config = self._config
        self._shown.show(shuffled(self._shown.indices, seed=config.seed, epoch=epoch))
        reseed(self.model, seed=config.seed, epoch=epoch)
        if config.schedule is Schedule.PLATEAU:
            losses = [report.validation_loss for report in self.history[self._stage.first_epoch - 1 :]]
            self.model.optimizer.learning_rate = rate_after(losses, config)
        self._started_s = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        self._watch.on_batch(batch + 1, self.params["steps"], logs.get("loss", np.nan), logs.get("accuracy", np.nan))
        if self._watch.should_stop():
            raise Stopped

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        if not (np.isfinite(logs["loss"]) and np.isfinite(logs["val_cross_entropy"])):
            raise TrainingError(
                f"the loss became {logs['loss']} in epoch {epoch + 1}; use a smaller learning rate, or other weights"
            )
        accuracy, loss = float(logs["val_accuracy"]), float(logs["val_cross_entropy"])
        report = EpochReport(
            epoch=epoch + 1,
            epochs=self._config.epochs,
            stage=self._stage.name,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            validation_loss=loss,
            validation_accuracy=accuracy,
            learning_rate=float(self.model.optimizer.learning_rate),
            duration_s=time.monotonic() - self._started_s,
            is_best=is_better(accuracy, loss, than=best_of(self.history)),
        )
        self.history.append(report)
        if report.is_best:
            self._best_weights = self._network.get_weights()
        if self._checkpoints is not None:
            self._checkpoints.save(self.history, self._network, self.model.optimizer)
        self._watch.on_epoch(report)
        self.is_over = self._has_stalled()
        self.model.stop_training = self.is_over

    def _has_stalled(self) -> bool:
        """Return whether the last stage has had too many epochs without an improvement."""
        patience = self._config.early_stopping_patience
        is_last = self._stage.last_epoch == self._config.epochs
        waited = epochs_since_best(self.history, first_epoch=self._stage.first_epoch)
        return bool(patience) and is_last and waited >= patience

    def restore_best(self) -> EpochReport:
        """Restore the weights of the best epoch and return its results.

        Raises:
            StoppedTooSoonError: There is none.
        """
        best = best_of(self.history)
        if best is None:
            raise StoppedTooSoonError("training was stopped before the first epoch was finished; there is no model yet")
        self._network.set_weights(self._best_weights)
        return best


@contextlib.contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether the user has pressed Ctrl-C since the block was entered.

    Only the first Ctrl-C is handled so; the next one does what Ctrl-C did before the block. Outside
    the main thread, where no signals arrive, the function always returns False.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
