"""Training runs in an MLflow store: settings and images, metrics of every epoch, the report and the model file."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

from edgecls.errors import EdgeclsError
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.record import headline_metrics
from edgecls.tracking import TrackedRun, Tracker
from edgecls.training.config import TrainConfig
from edgecls.training.images import PreparedImages
from edgecls.training.job import Listener, TrainingResult
from edgecls.training.run_directory import RunDirectory

__all__ = ["TrackedTraining"]

EPOCH_METRICS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "duration_s")
UNLOGGED = ("cache", "device")  # settings that may change when a run is resumed, unlike parameters in MLflow


class TrackedTraining:
    """The log of a training run. As a context it ends the run in the store, whatever happens.

    Args:
        tracker: The store; None to log nothing.
        name: Of the run in the store.
        config: Its settings.
        parent: Id of the run in the store that it is a part of; None if it is of none.
    """

    def __init__(self, tracker: Tracker | None, name: str, config: TrainConfig, *, parent: str | None = None) -> None:
        self._tracker = tracker
        self._name = name
        self._config = config
        self._parent = parent
        self._run: TrackedRun | None = None
        self._status = "KILLED"
        self._tags: dict[str, str] = {}

    @classmethod
    def part_of(cls, run: TrackedRun | None, name: str, config: TrainConfig) -> Self:
        """Return the log of a training run that is a part of another run in the store; None logs nothing."""
        return cls(None, name, config) if run is None else cls(run.tracker, name, config, parent=run.run_id)

    def listening(self, listener: Listener) -> Listener:
        """Return a listener that logs what it hears, and passes it on."""
        if self._tracker is None:
            return listener
        history: list[EpochReport] = []
        prepared: list[PreparedImages] = []

        def on_prepared(images: PreparedImages) -> None:
            prepared.append(images)
            listener.on_prepared(images)

        def on_begun(run: RunDirectory, earlier: Sequence[EpochReport]) -> None:
            history.extend(earlier)
            self._begin(run.path, prepared[-1], history)
            listener.on_begun(run, earlier)

        def on_epoch(report: EpochReport) -> None:
            history.append(report)
            self._log(history)
            listener.on_epoch(report)

        return replace(listener, on_prepared=on_prepared, on_begun=on_begun, on_epoch=on_epoch)

    def finish(self, result: TrainingResult) -> None:
        """Log what a run has led to; one that was stopped stays open for being resumed."""
        if self._run is None:
            return
        best, split = result.trained.best, "test" if result.has_test else "validation"
        self._log(result.trained.history, is_last=True)
        found = headline_metrics(result.evaluation, prefix=f"final_{split}_")
        sizes = {"best_epoch": best.epoch, "model_mb": result.onnx_path.stat().st_size / 1e6}
        self._run.log_metrics({"best_validation_accuracy": best.validation_accuracy, **sizes, **found})
        run = result.run
        self._run.log_files(*run.small_files, *sorted(run.plots_path.glob("*.png")), result.onnx_path)
        if result.trained.is_complete:
            self._status = "FINISHED"

    def prune(self, folder: Path) -> None:
        """Say that the run in a run directory was ended early because others do better."""
        self._status, self._tags = "FINISHED", {"state": "pruned"}
        if self._run is None and self._tracker is not None:  # it was so when it was interrupted
            self._run = self._tracker.recorded(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._run is None:
            return
        if isinstance(error, EdgeclsError):
            self._run.end("FAILED", error=str(error))
        else:
            self._run.end(self._status, **self._tags)

    def _begin(self, folder: Path, images: PreparedImages, history: Sequence[EpochReport]) -> None:
        if self._tracker is None:
            return
        facts = {name: value for name, value in self._config.as_facts().items() if name not in UNLOGGED}
        image = {f"image_{name}": value for name, value in asdict(self._config.image).items()}
        counts = {"train_images": len(images.train_indices), "validation_images": len(images.validation_indices)}
        settings = {**facts, **image, "labels": len(images.cached.labels), **counts, "dataset": images.cached.sha256}
        self._run = self._tracker.run(self._name, folder, settings=settings, parent=self._parent)
        self._log(history)

    def _log(self, history: Sequence[EpochReport], *, is_last: bool = False) -> None:
        if self._run is not None:
            metrics = {report.epoch: {name: getattr(report, name) for name in EPOCH_METRICS} for report in history}
            self._run.log_steps(metrics, is_last=is_last)
