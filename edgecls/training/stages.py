"""The stages of fine-tuning: new layers alone first, then all layers, pretrained ones more slowly."""

from dataclasses import dataclass

import keras

from edgecls.models import HEAD_PREFIX, NO_WEIGHTS
from edgecls.training.config import TrainConfig

__all__ = ["Stage", "choose_trainable", "plan_stages", "rate_factors"]

HEAD_STAGE_PART = 0.25  # of all epochs, given to the new layers alone while pretrained ones are frozen
HEAD_STAGE_MAX_EPOCHS = 3


@dataclass(frozen=True)
class Stage:
    """A run of epochs in which the same layers train.

    Attributes:
        name: "head" or "all layers": what is trained.
        first_epoch: Number of its first epoch, from 1.
        epochs: Number of its epochs.
        backbone_factor: Learning rate of pretrained layers as part of that of new ones.
        keeps_statistics: Whether batch normalisation keeps the statistics it has.
    """

    name: str
    first_epoch: int
    epochs: int
    backbone_factor: float
    keeps_statistics: bool

    @property
    def last_epoch(self) -> int:
        """Number of its last epoch."""
        return self.first_epoch + self.epochs - 1


def plan_stages(config: TrainConfig) -> tuple[Stage, ...]:
    """Return the stages of a run: one without pretrained weights, two with them if there are epochs for two."""
    if config.weights == NO_WEIGHTS:
        return (Stage("all layers", 1, config.epochs, 1.0, keeps_statistics=False),)
    head_epochs = min(HEAD_STAGE_MAX_EPOCHS, max(1, round(config.epochs * HEAD_STAGE_PART)))
    stages = [Stage("head", 1, head_epochs, 1.0, keeps_statistics=True)]
    if config.epochs > head_epochs:
        rest = config.epochs - head_epochs
        stages.append(Stage("all layers", head_epochs + 1, rest, config.backbone_factor, keeps_statistics=True))
    return tuple(stages)


def choose_trainable(network: keras.Model, stage: Stage) -> None:
    """Freeze the layers that do not train in a stage, and let the others train."""
    for layer in network.layers:
        if stage.name == "head":
            layer.trainable = layer.name.startswith(HEAD_PREFIX)
        else:
            layer.trainable = not (stage.keeps_statistics and isinstance(layer, keras.layers.BatchNormalization))


def rate_factors(network: keras.Model, stage: Stage) -> dict[str, float]:
    """Return what the learning rate of each trainable weight is multiplied with, by the weight's path."""
    return {
        weight.path: 1.0 if layer.name.startswith(HEAD_PREFIX) else stage.backbone_factor
        for layer in network.layers
        for weight in layer.trainable_weights
    }
