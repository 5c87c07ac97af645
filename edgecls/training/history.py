"""What the epochs of a training run came to."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

__all__ = ["EpochReport", "best_of", "epochs_since_best", "history_csv", "is_better"]


@dataclass(frozen=True)
class EpochReport:
    """What one epoch came to.

    Attributes:
        epoch: Its number, from 1.
        epochs: Number of all epochs.
        stage: "head", "all layers": what was trained.
        loss: Mean of what is minimised over the (augmented) training images: the cross-entropy in nats,
            smoothed and weighted as the settings say.
        accuracy: Part of them that was labelled right, 0 to 1.
        validation_loss: Mean cross-entropy over the images held out, plain.
        validation_accuracy: Part of the images held out that was labelled right, 0 to 1.
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


def is_better(accuracy: float, loss: float, *, than: EpochReport | None) -> bool:
    """Return whether an epoch is better than another: more accurate on the images held out, then of lower loss."""
    return than is None or (accuracy, -loss) > (than.validation_accuracy, -than.validation_loss)


def best_of(history: Sequence[EpochReport]) -> EpochReport | None:
    """Return the best epoch, or None before the first one."""
    return next((report for report in reversed(history) if report.is_best), None)


def epochs_since_best(history: Sequence[EpochReport], *, first_epoch: int) -> int:
    """Return the number of epochs since the best one, counting none before `first_epoch`."""
    best = best_of(history)
    return max(0, len(history) - max(best.epoch if best else 0, first_epoch - 1))


def history_csv(history: Sequence[EpochReport]) -> str:
    """Return one line for each epoch, under a line of names."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(EpochReport)])
    writer.writeheader()
    writer.writerows(asdict(report) for report in history)
    return text.getvalue()
