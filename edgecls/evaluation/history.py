"""The epochs of a training run: their results, the best of them, and both as CSV and as curves."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from edgecls.plots.curves import training_curve_png

__all__ = ["EpochReport", "best_of", "epoch_report", "epochs_since_best", "history_csv", "is_better", "training_curves"]


@dataclass(frozen=True)
class EpochReport:
    """The results of one epoch.

    Attributes:
        epoch: Its number, from 1.
        epochs: Number of all epochs.
        stage: Which layers were trained: "head" or "all layers".
        loss: Mean of what is minimised over the (augmented) training images: the cross-entropy in nats,
            smoothed and weighted as the settings say.
        accuracy: Fraction of them that was classified correctly, 0 to 1.
        validation_loss: Mean cross-entropy over the validation images, plain.
        validation_accuracy: Fraction of the validation images that was classified correctly, 0 to 1.
        learning_rate: Of new layers, at the end of the epoch.
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
    learning_rate: float
    duration_s: float
    is_best: bool


_KINDS: dict[object, tuple[type, ...]] = {int: (int,), str: (str,), float: (int, float), bool: (bool,)}


def epoch_report(record: Any) -> EpochReport:
    """Return the epoch that a record, as JSON holds it, is about.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(record, Mapping) or record.keys() != {field.name for field in fields(EpochReport)}:
        raise ValueError(f"{str(record)[:80]!r} is not the results of an epoch")
    for field in fields(EpochReport):
        value = record[field.name]
        if not isinstance(value, _KINDS[field.type]) or isinstance(value, bool) != (field.type is bool):
            raise ValueError(f"{field.name} of an epoch is {str(value)[:80]!r}")
    return EpochReport(**record)


def is_better(accuracy: float, loss: float, *, than: EpochReport | None) -> bool:
    """Return whether an epoch is better than another: higher validation accuracy, then lower validation loss."""
    return than is None or (accuracy, -loss) > (than.validation_accuracy, -than.validation_loss)


def best_of(history: Sequence[EpochReport]) -> EpochReport | None:
    """Return the best epoch, or None before the first one."""
    return next((report for report in reversed(history) if report.is_best), None)


def epochs_since_best(history: Sequence[EpochReport], *, first_epoch: int) -> int:
    """Return the number of epochs since the best one, counting none before `first_epoch`."""
    best = best_of(history)
    return max(0, len(history) - max(best.epoch if best else 0, first_epoch - 1))


def history_csv(history: Sequence[EpochReport]) -> str:
    """Return a header line and one line for each epoch."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(EpochReport)])
    writer.writeheader()
    writer.writerows(asdict(report) for report in history)
    return text.getvalue()


def training_curves(history: Sequence[EpochReport]) -> dict[str, bytes]:
    """Draw loss and accuracy over the epochs, with the best epoch marked; a PNG for each, by its name.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    stages: dict[str, int] = {}
    for report in history:
        stages.setdefault(report.stage, report.epoch)
    best = best_of(history)
    curves = {
        "loss": ([report.loss for report in history], [report.validation_loss for report in history]),
        "accuracy": ([report.accuracy for report in history], [report.validation_accuracy for report in history]),
    }
    return {
        name: training_curve_png(
            [report.epoch for report in history],
            {"training": training, "validation": validation},
            title=name,
            stages={first: stage for stage, first in stages.items()},
            best_epoch=best.epoch if best else None,
        )
        for name, (training, validation) in curves.items()
    }
