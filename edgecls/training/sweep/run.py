"""Running a sweep: every trial is recorded when it ends, and the best model is kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras

from edgecls.atomic_write import check_writable, remove_leftovers, whole_files
from edgecls.dataset.formats.read import read_dataset
from edgecls.errors import EdgeclsError, MissingExtraError, OutputError, TrainingError
from edgecls.evaluation.history import EpochReport
from edgecls.models import Origin
from edgecls.plots.sweep import Run, epochs_chart, setting_chart, swept_settings
from edgecls.training.config import TrainConfig
from edgecls.training.config_file import config_to_toml
from edgecls.training.job import Listener, RunOptions, run_training
from edgecls.training.run_directory import ExistingRun, RunDirectory, default_run_directory
from edgecls.training.sweep.record import SweepRecord, SweepTrial
from edgecls.training.sweep.space import Settings

__all__ = ["SweepListener", "SweepResult", "run_sweep"]

SUFFIXES = (".onnx", ".keras")


@dataclass(frozen=True)
class SweepListener:
    """Callbacks for the progress of a sweep; each does nothing by default.

    Attributes:
        on_start: A trial starts: its number, the number of all, its epochs, its settings.
        on_weights: Where the weights come from that it starts with.
        on_batch: Steps done, all steps of the epoch, loss and accuracy so far.
        on_epoch: The results of an epoch of it.
        on_end: A trial has ended, now or before the sweep was resumed.
    """

    on_start: Callable[[int, int, int, Settings], None] = field(default=lambda number, total, epochs, settings: None)
    on_weights: Callable[[Origin], None] = field(default=lambda origin: None)
    on_batch: Callable[[int, int, float, float], None] = field(default=lambda done, total, loss, accuracy: None)
    on_epoch: Callable[[EpochReport], None] = field(default=lambda report: None)
    on_end: Callable[[SweepTrial], None] = field(default=lambda trial: None)


@dataclass(frozen=True)
class SweepResult:
    """The results of a sweep.

    Attributes:
        trials: All trials.
        best: The best of them, whose model was written.
        charts: Where the charts are.
    """

    trials: tuple[SweepTrial, ...]
    best: SweepTrial
    charts: tuple[Path, ...]


def run_sweep(
    data: Path,
    onnx_path: Path,
    base: TrainConfig,
    trials: Sequence[Settings],
    *,
    folder: Path,
    resume: bool,
    listener: SweepListener | None = None,
) -> SweepResult:
    """Train with each of the settings and write the best model as .onnx and .keras.

    A trial that cannot be trained, such as one with images too small for its architecture, is recorded
    with the reason, and the others go on. Only the best model so far is kept. Charts of accuracy and
    loss, by setting and by epoch, are drawn at the end.

    Args:
        data: A dataset in any format that `read_dataset` supports.
        onnx_path: Where to write the best model; must end in .onnx.
        base: The settings that all trials share.
        trials: The settings to try, at least one.
        folder: Where record, charts, the trials' run directories and the best model so far go.
        resume: Whether to go on with the sweep in `folder`; an interrupted trial is resumed, too.
        listener: Callbacks for its progress.

    Raises:
        OutputError: A file cannot be written.
        DatasetError: The dataset cannot be trained on.
        TrainingError: No trial succeeded, or `folder` holds another sweep.
        MissingExtraError: matplotlib is not installed.
    """
    listener = listener or SweepListener()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    check_writable(onnx_path)
    read_dataset(data)  # or every trial would fail
    facts = {
        "data": str(data.absolute()),
        "settings": config_to_toml(base),
        "trials": [settings.as_facts() for settings in trials],
    }
    record = SweepRecord(folder, facts, resume=resume)
    remove_leftovers(folder, "trial-*")
    _keep_only_best(folder, record)  # a kill may have come between the record of a trial and this
    for number, settings in enumerate(trials, start=1):
        if not record.has(number):
            listener.on_start(number, len(trials), base.epochs, settings)
            record.add(_run_trial(data, _model_path(folder, number), base, number, settings, listener))
            _keep_only_best(folder, record)
        listener.on_end(record.trials[number - 1])
    best = record.best
    if best is None:
        raise TrainingError(f"none of the {len(trials)} trials succeeded; the first: {record.trials[0].error}")
    _copy_model(_model_path(folder, best.number), onnx_path)
    return SweepResult(record.trials, best, _draw_charts(folder, record.trials))


def _run_trial(
    data: Path, onnx_path: Path, base: TrainConfig, number: int, settings: Settings, listener: SweepListener
) -> SweepTrial:
    start = time.monotonic()
    run = RunDirectory(default_run_directory(onnx_path))
    existing = ExistingRun.RESUME if run.checkpoints.exist() else ExistingRun.OVERWRITE
    epochs = Listener(on_weights=listener.on_weights, on_batch=listener.on_batch, on_epoch=listener.on_epoch)
    try:
        config = _with_weights_of_earlier(onnx_path.parent, number, settings.applied_to(base))
        result = run_training(data, onnx_path, config, options=RunOptions(existing=existing), listener=epochs)
    except (MissingExtraError, OutputError):
        raise  # not a fault of these settings
    except EdgeclsError as error:
        return SweepTrial(number, settings.as_facts(), error=str(error))
    finally:
        keras.utils.clear_session()  # or the networks of all trials stay in memory
    if not result.trained.is_complete:
        raise KeyboardInterrupt
    duration_s = round(time.monotonic() - start, 1)
    return SweepTrial(number, settings.as_facts(), result.trained.history, duration_s=duration_s)


def _with_weights_of_earlier(folder: Path, number: int, config: TrainConfig) -> TrainConfig:
    """Settle the weights as an earlier trial of the same architecture did, so that all trials start alike."""
    for earlier in range(1, number):
        run = RunDirectory(default_run_directory(_model_path(folder, earlier)))
        if run.exists:
            config = run.with_recorded_weights(config)
    return config


def _draw_charts(folder: Path, trials: Sequence[SweepTrial]) -> tuple[Path, ...]:
    runs = [_as_run(trial) for trial in trials if trial.best]
    charts = {"epochs.png": epochs_chart(runs)}
    charts |= {f"by-{setting.replace('_', '-')}.png": setting_chart(runs, setting) for setting in swept_settings(runs)}
    paths = tuple(folder / name for name in charts)
    with whole_files(*paths) as temporary:
        for path, image in zip(temporary, charts.values(), strict=True):
            path.write_bytes(image)
    return paths


def _as_run(trial: SweepTrial) -> Run:
    return Run(
        trial.settings,
        accuracies=[report.validation_accuracy for report in trial.history],
        losses=[report.validation_loss for report in trial.history],
        best=trial.best.epoch - 1 if trial.best else 0,
    )


def _model_path(folder: Path, number: int) -> Path:
    return folder / f"trial-{number:03d}.onnx"


def _keep_only_best(folder: Path, record: SweepRecord) -> None:
    """Remove the models of trials that are not the best, those of a trial that a kill cut short included."""
    best = record.best.number if record.best else 0
    for trial in record.trials:
        if trial.number != best:
            RunDirectory(default_run_directory(_model_path(folder, trial.number))).drop_model()
            for suffix in SUFFIXES:
                _model_path(folder, trial.number).with_suffix(suffix).unlink(missing_ok=True)


def _copy_model(source: Path, target: Path) -> None:
    present = [suffix for suffix in SUFFIXES if source.with_suffix(suffix).exists()]
    with whole_files(*(target.with_suffix(suffix) for suffix in present)) as temporary:
        for suffix, path in zip(present, temporary, strict=True):
            path.write_bytes(source.with_suffix(suffix).read_bytes())
