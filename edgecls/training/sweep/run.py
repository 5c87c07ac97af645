"""Running a sweep: every trial is recorded when it ends, and the best model is kept."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras

from edgecls.atomic_write import check_writable, remove_leftovers
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import EdgeclsError, MissingExtraError, OutputError, TrackingError, TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.models import Origin
from edgecls.tracking import TrackedRun, Tracker
from edgecls.training.config import TrainConfig
from edgecls.training.config_file import config_to_toml
from edgecls.training.epoch_keeper import StoppedTooSoonError
from edgecls.training.images import without_rare_labels
from edgecls.training.job import Listener, RunOptions, run_training
from edgecls.training.run_directory import ExistingRun, RunDirectory, default_run_directory
from edgecls.training.sweep.outcome import RESULT_NAME, SUFFIXES, SweepOutcome, conclude
from edgecls.training.sweep.record import SweepRecord, SweepTrial
from edgecls.training.sweep.space import Settings
from edgecls.training.sweep.trials import TakenTrial, Trials
from edgecls.training.tracked import TrackedTraining
from edgecls.training.trainer import TrainedNetwork

__all__ = ["SweepListener", "run_sweep"]

CONCLUSION = 0  # number of the claim of the process that concludes the sweep


@dataclass(frozen=True)
class SweepListener:
    """Callbacks for the progress of a sweep; each does nothing by default.

    Attributes:
        on_start: A trial starts: its number, the number of all, its epochs, its settings.
        on_weights: Where the weights come from that it starts with.
        on_batch: Steps done, all steps of the epoch, loss and accuracy so far.
        on_epoch: The results of an epoch of it.
        on_end: A trial has ended, now or before the sweep was resumed.
        on_evaluated: Number of test images that the best model has classified in the end, number of all.
    """

    on_start: Callable[[int, int, int, Settings], None] = field(default=lambda number, total, epochs, settings: None)
    on_weights: Callable[[Origin], None] = field(default=lambda origin: None)
    on_batch: Callable[[int, int, float, float], None] = field(default=lambda done, total, loss, accuracy: None)
    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_end: Callable[[SweepTrial], None] = field(default=lambda trial: None)
    on_evaluated: Callable[[int, int], None] = field(default=lambda done, total: None)


class _Poor(Exception):  # noqa: N818  # is no error
    """Ends a trial after an epoch."""


def run_sweep(
    data: Path,
    onnx_path: Path,
    base: TrainConfig,
    trials: Trials,
    *,
    folder: Path,
    resume: bool,
    tracker: Tracker | None = None,
    listener: SweepListener | None = None,
) -> SweepOutcome | None:
    """Train with each of the settings and write the best model as .onnx and .keras.

    A trial that cannot be trained, such as one with images too small for its architecture, is recorded
    with the reason, and the others go on. Only the best model so far is kept. At the end it is evaluated on the test
    split, which no trial uses, and charts of accuracy and loss are drawn, by setting and by epoch.

    Several processes may work on the same folder; the one that ends the last trial does what comes at the end.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        onnx_path: Where to write the best model; must end in .onnx.
        base: The settings that all trials share.
        trials: The settings to try.
        folder: Where record, charts, the trials' run directories and the best model so far go.
        resume: Whether to go on with the sweep in `folder`; an interrupted trial is resumed, too.
        tracker: Where the sweep is logged, with a run for each trial; None to log nothing.
        listener: Callbacks for its progress.

    Returns:
        The outcome; None if other processes are still working on trials or on the outcome.

    Raises:
        OutputError: A file cannot be written.
        DatasetError: The dataset cannot be trained on.
        TrainingError: No trial succeeded, or `folder` holds another sweep.
        MissingExtraError: matplotlib is not installed.
        TrackingError: The sweep cannot be logged.
    """
    listener = listener or SweepListener()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    check_writable(onnx_path)
    dataset, _ = without_rare_labels(read_dataset(data), base.rare_labels)  # or every trial would fail
    facts = {"data": str(data.absolute()), "settings": config_to_toml(base), **trials.facts}
    record = SweepRecord(folder, facts, resume=resume)
    with record.locked():
        trials.open(record, folder)
        _keep_only_best(folder, record)  # a kill may have come between the record of a trial and this
        log = None if tracker is None else tracker.run(onnx_path.stem, folder, settings=_logged_settings(base, trials))
    for trial in record.trials:
        listener.on_end(trial)
    while (taken := _take(record, trials)) is not None:
        try:
            listener.on_start(taken.number, trials.total, base.epochs, taken.settings)
            trial = _run_trial(data, _model_path(folder, taken.number), base, taken, trials, log, listener)
            record.add(trial)
            with record.locked():
                trials.note(trial)
                _keep_only_best(folder, record)
        finally:
            os.close(taken.claim)
        listener.on_end(trial)
    with record.locked():
        claim = record.claim(CONCLUSION) if len(record.trials) >= trials.total else None
    if claim is None:
        return None
    try:
        with log or contextlib.nullcontext():
            best = record.best
            if best is None:
                raise TrainingError(
                    f"none of the {len(record.trials)} trials succeeded; the first: {record.trials[0].error}"
                )
            outcome = conclude(
                folder,
                onnx_path,
                record.trials,
                best,
                _model_path(folder, best.number),
                data=data,
                test=dataset.test,
                on_evaluated=listener.on_evaluated,
            )
            if log is not None:
                log.log_metrics(outcome.metrics)
                log.log_files(folder / RESULT_NAME, record.path, *outcome.files, onnx_path)
        return outcome
    finally:
        os.close(claim)


def _take(record: SweepRecord, trials: Trials) -> TakenTrial | None:
    with record.locked():
        return trials.take(record)


def _logged_settings(base: TrainConfig, trials: Trials) -> dict[str, object]:
    searched = {f"search_{name}": text for name, text in trials.facts.get("search", {}).items()}
    return {**base.as_facts(), **searched, "trials": trials.total}


def _run_trial(
    data: Path,
    onnx_path: Path,
    base: TrainConfig,
    taken: TakenTrial,
    trials: Trials,
    log: TrackedRun | None,
    listener: SweepListener,
) -> SweepTrial:
    start = time.monotonic()
    facts = taken.settings.as_facts()
    run = RunDirectory(default_run_directory(onnx_path))
    remove_leftovers(onnx_path.parent, f"{onnx_path.stem}.*")
    history: list[EpochReport] = []

    def end_if_poor() -> None:
        if trials.is_poor(taken.number, history):
            raise _Poor

    def on_epoch(report: EpochReport) -> None:
        history.append(report)
        listener.on_epoch(report)
        end_if_poor()

    def on_exporting(trained: TrainedNetwork) -> None:
        if not trained.is_complete:
            raise KeyboardInterrupt

    def ended(*, pruned: bool = False, error: str = "") -> SweepTrial:
        epochs = () if error else tuple(history)
        duration_s = round(time.monotonic() - start, 1)
        return SweepTrial(taken.number, facts, epochs, error, 0.0 if error else duration_s, pruned)

    def fit(tracked: TrackedTraining) -> None:
        existing = ExistingRun.OVERWRITE
        if run.checkpoints.exist():
            existing = ExistingRun.RESUME
            history.extend(run.checkpoints.load().history)
            end_if_poor()
        options = RunOptions(existing=existing, keeps_test=True)
        progress = Listener(
            on_weights=listener.on_weights, on_batch=listener.on_batch, on_epoch=on_epoch, on_exporting=on_exporting
        )
        result = run_training(data, onnx_path, config, options=options, listener=tracked.listening(progress))
        tracked.finish(result)
        history[:] = result.trained.history

    try:
        config = _with_weights_of_others(onnx_path, taken.settings.applied_to(base))
        with TrackedTraining.part_of(log, f"trial {taken.number}", config) as tracked:
            try:
                fit(tracked)
            except _Poor:
                tracked.prune(run.path)
                run.finish()
                return ended(pruned=True)
    except StoppedTooSoonError as error:
        raise KeyboardInterrupt from error
    except (MissingExtraError, OutputError, TrackingError):
        raise  # not a fault of these settings
    except EdgeclsError as error:
        return ended(error=str(error))
    finally:
        keras.utils.clear_session()  # or the networks of all trials stay in memory
    return ended()


def _model_path(folder: Path, number: int) -> Path:
    return folder / f"trial-{number:03d}.onnx"


def _with_weights_of_others(onnx_path: Path, config: TrainConfig) -> TrainConfig:
    """Settle the weights as other trials of the same architecture did, so that all of them start alike."""
    for other in sorted(onnx_path.parent.glob("trial-*.run")):
        run = RunDirectory(other)
        if other != default_run_directory(onnx_path) and run.exists:
            config = run.with_recorded_weights(config)
    return config


def _keep_only_best(folder: Path, record: SweepRecord) -> None:
    """Remove the models of ended trials that are not the best, those of one that a kill cut short included."""
    best = record.best.number if record.best else 0
    for trial in record.trials:
        path = _model_path(folder, trial.number)
        remove_leftovers(folder, f"{path.stem}.*")
        if trial.number != best:
            RunDirectory(default_run_directory(path)).drop_model()
            for suffix in SUFFIXES:
                path.with_suffix(suffix).unlink(missing_ok=True)
