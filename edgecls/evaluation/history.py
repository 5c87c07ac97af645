"""What the epochs of a training run came to, as a report shows it."""

from dataclasses import dataclass

__all__ = ["HistoryRow"]


@dataclass(frozen=True)
class HistoryRow:
    """One epoch.

    Attributes:
        epoch: Its number, from 1.
        stage: What was trained, as in "head".
        loss: Mean loss over the training images, as they were shown (augmented or not).
        accuracy: Part of them that was labelled right, 0 to 1.
        validation_loss: The same for the images held out.
        validation_accuracy: The same for the images held out.
        learning_rate: Of the last step, of the layers that learn fastest.
        duration_s: Seconds it took.
    """

    epoch: int
    stage: str
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    duration_s: float
