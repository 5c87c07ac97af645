"""A sweep: many training runs with different settings, each recorded as it ends, the best one kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from edgecls.atomic_write import check_writable, whole_files
from edgecls.errors import EdgeclsError, MissingExtraError, OutputError, TrainingError
from edgecls.training.config import TrainConfig
from edgecls.training.sweep_record import EpochScore, SweepRecord, Trial
from edgecls.training.sweep_space import Settings

__all__ = ["SweepListener", "SweepResult", "TrialScores", "run_sweep"]

SUFFIXES = (".onnx", ".keras")


@dataclass(frozen=True)
class TrialScores:
    """What a training run came to: its best epoch, and all of them."""

    best: EpochScore
    history: tuple[EpochScore, ...]


@dataclass(frozen=True)
class SweepListener:
    """Whom to tell how far a sweep is; each function does nothing by default.

    Attributes:
        on_start: A trial begins: its number, the number of all, its settings.
        on_end: A trial has ended, now or in the part of the sweep that came before.
    """

    on_start: Callable[[int, int, Settings], None] = field(default=lambda number, total, settings: None)
    on_end: Callable[[Trial], None] = field(default=lambda trial: None)


@dataclass(frozen=True)
class SweepResult:
    """All trials, and the best of them, whose model was written."""

    trials: tuple[Trial, ...]
    best: Trial


def run_sweep(
    folder: Path,
    onnx_path: Path,
    base: TrainConfig,
    trials: Sequence[Settings],
    *,
    train_trial: Callable[[TrainConfig, Path], TrialScores],
    facts: dict[str, Any],
    resume: bool,
    listener: SweepListener | None = None,
) -> SweepResult:
    """Train with every one of the settings and write the best model.

    A trial that cannot be trained, such as one with pictures too small for its architecture, is recorded
    with the reason, and the others go on. Of the models only the best so far is kept, in `folder`.

    Args:
        folder: Where the record and the best model so far are kept.
        onnx_path: Where to write the best model in the end; must end in .onnx.
        base: The settings that all trials share.
        trials: The settings to try.
        train_trial: Trains with a configuration and writes the .onnx file of that name, perhaps a .keras file too.
        facts: What a sweep must have in common with one that it goes on with.
        resume: Whether to go on with the sweep in `folder`.
        listener: Whom to tell how far it is.

    Raises:
        OutputError: A file cannot be written.
        TrainingError: No trial succeeded, or `folder` holds another sweep.
    """
    listener = listener or SweepListener()
    if onnx_path.suffix != ".onnx":
        raise OutputError(f"the model file must end in .onnx, got {str(onnx_path)!r}")
    check_writable(onnx_path)
    record = SweepRecord(folder, {**facts, "trials": [settings.as_facts() for settings in trials]}, resume=resume)
    for number, settings in enumerate(trials, start=1):
        if not record.has(number):
            listener.on_start(number, len(trials), settings)
            record.add(_run_trial(number, settings, base, _model_path(folder, number), train_trial))
            _keep_only_best(folder, record)
        listener.on_end(record.trials[number - 1])
    best = record.best
    if best is None:
        raise TrainingError(f"none of the {len(trials)} trials succeeded; the first: {record.trials[0].error}")
    _copy_model(_model_path(folder, best.number), onnx_path)
    return SweepResult(record.trials, best)


def _run_trial(
    number: int,
    settings: Settings,
    base: TrainConfig,
    onnx_path: Path,
    train_trial: Callable[[TrainConfig, Path], TrialScores],
) -> Trial:
    start = time.monotonic()
    try:
        scores = train_trial(settings.applied_to(base), onnx_path)
    except (MissingExtraError, OutputError):
        raise  # not a fault of these settings
    except EdgeclsError as error:
        return Trial(number, settings.as_facts(), None, error=str(error))
    finally:
        keras.utils.clear_session()  # or the graphs of all trials stay in memory
    duration_s = round(time.monotonic() - start, 1)
    return Trial(number, settings.as_facts(), scores.best, duration_s=duration_s, history=scores.history)


def _model_path(folder: Path, number: int) -> Path:
    return folder / f"trial-{number:03d}.onnx"


def _keep_only_best(folder: Path, record: SweepRecord) -> None:
    """Remove the models of trials that are not the best, those of a trial that a kill cut short included."""
    best = record.best.number if record.best else 0
    for trial in record.trials:
        if trial.number != best:
            for suffix in SUFFIXES:
                _model_path(folder, trial.number).with_suffix(suffix).unlink(missing_ok=True)


def _copy_model(source: Path, target: Path) -> None:
    present = [suffix for suffix in SUFFIXES if source.with_suffix(suffix).exists()]
    with whole_files(*(target.with_suffix(suffix) for suffix in present)) as temporary:
        for suffix, path in zip(present, temporary, strict=True):
            path.write_bytes(source.with_suffix(suffix).read_bytes())
