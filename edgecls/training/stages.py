"""The stages of fine-tuning: first only new layers, then all layers, pretrained ones at a lower learning rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from edgecls.errors import TrainingError
from edgecls.models import AUTO, HEAD_PREFIX, IMAGENET, NO_WEIGHTS, pooled_features
from edgecls.training.config import Schedule, TrainConfig

__all__ = [
    "LayeredAdam",
    "Stage",
    "choose_trainable",
    "keeping_features",
    "make_optimizer",
    "plan_stages",
    "rate_after",
    "rate_factors",
]

HEAD_STAGE_FRACTION = 0.25  # of all epochs, for the new layers alone while pretrained ones are frozen
HEAD_STAGE_MAX_EPOCHS = 3


@dataclass(frozen=True)
class Stage:
    """Consecutive epochs in which the same layers are trained.

    Attributes:
        name: "head" or "all layers": which layers are trained.
        first_epoch: Number of its first epoch, from 1.
        epochs: Number of its epochs.
        backbone_factor: Learning rate of pretrained layers as a fraction of that of new ones.
        keeps_statistics: Whether batch normalisation keeps its statistics.
        keeps_features: Whether the loss keeps the features near those of the pretrained network.
    """

    name: str
    first_epoch: int
    epochs: int
    backbone_factor: float
    keeps_statistics: bool
    keeps_features: bool = False

    @property
    def last_epoch(self) -> int:
        """Number of its last epoch."""
        return self.first_epoch + self.epochs - 1


def plan_stages(config: TrainConfig) -> tuple[Stage, ...]:
    """Return the stages of a run: one without pretrained weights; with them two, if there are enough epochs.

    Raises:
        TrainingError: The settings leave open which weights there are.
    """
    if config.weights in (AUTO, IMAGENET):
        raise TrainingError(
            f"weights {config.weights!r} leave open what is trained; use the settings of `start_network`"
        )
    if config.weights == NO_WEIGHTS:
        return (Stage("all layers", 1, config.epochs, 1.0, keeps_statistics=False),)
    head_epochs = min(HEAD_STAGE_MAX_EPOCHS, max(1, round(config.epochs * HEAD_STAGE_FRACTION)))
    stages = [Stage("head", 1, head_epochs, 1.0, keeps_statistics=True)]
    if config.epochs > head_epochs:
        rest = config.epochs - head_epochs
        stages.append(Stage("all layers", head_epochs + 1, rest, config.backbone_factor, True, keeps_features=True))
    return tuple(stages)


def choose_trainable(network: keras.Model, stage: Stage) -> None:
    """Freeze the layers that are not trained in a stage, and unfreeze the others."""
    for layer in network.layers:
        if stage.name == "head":
            layer.trainable = layer.name.startswith(HEAD_PREFIX)
        else:
            layer.trainable = not (stage.keeps_statistics and isinstance(layer, keras.layers.BatchNormalization))


class _FeatureLoss(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Passes probabilities on, and adds a loss for features that point elsewhere than they did before training."""

    def __init__(self, weight: float) -> None:
        """
        Args:
            weight: Of the mean of 1 - cosine in the loss.
        """
        super().__init__(name="feature_loss", dtype="float32")
        self._weight = weight

    def call(self, inputs: Sequence[object], training: bool = False) -> object:
        """Take probabilities, features and those of the pretrained network; return the probabilities."""
        probabilities, features, before = inputs
        if training:
            cosines = keras.ops.sum(_directions(features) * _directions(before), axis=-1)
            self.add_loss(self._weight * keras.ops.mean(1 - cosines))
        return probabilities


def _directions(features: object) -> Any:
    return keras.ops.normalize(features, axis=-1, order=2)


def keeping_features(network: keras.Model, *, weight: float) -> keras.Model:
    """Return a network for training whose loss grows as its features turn away from what they are now.

    Nearness to the training images is judged by these features (`edgecls.export.familiarity`). Those of a pretrained
    network tell any image from any other; training on a few labels makes them forget whatever does not tell these
    labels apart. The two networks share their weights; a copy of the present ones gives the features to keep.

    Args:
        network: As `build_network` makes it, with pretrained weights, before training.
        weight: Of the mean of 1 - cosine in the loss, above 0.
    """
    pooled = pooled_features(network)
    here = keras.Model(network.input, pooled)
    before = keras.models.clone_model(here)
    before.set_weights(here.get_weights())
    before.trainable = False
    images = keras.Input(shape=network.input_shape[1:], dtype="uint8", name="image")
    probabilities, features = keras.Model(network.input, [network.output, pooled])(images)
    return keras.Model(images, _FeatureLoss(weight)([probabilities, features, before(images, training=False)]))


def rate_factors(network: keras.Model, stage: Stage) -> dict[str, float]:
    """Return the factor on the learning rate of each trainable weight, by its path."""
    return {
        weight.path: 1.0 if layer.name.startswith(HEAD_PREFIX) else stage.backbone_factor
        for layer in network.layers
        for weight in layer.trainable_weights
    }


class LayeredAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """Adam with a factor on the learning rate for each weight."""

    def __init__(self, learning_rate: object, *, factors: Mapping[str, float]) -> None:
        """
        Args:
            learning_rate: The common one, a number or a schedule of Keras.
            factors: The factor for each weight, by its path.
        """
        super().__init__(learning_rate, name="adam")
        self._factor_of_path = dict(factors)
        self._factors: tuple[float, ...] = ()

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the optimizer's own variables for these weights."""
        self._factors = tuple(self._factor_of_path[variable.path] for variable in variables)
        super().build(variables)

    def update_step(self, gradient: object, variable: object, learning_rate: object) -> None:
        """Change one weight."""
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, keras.ops.multiply(learning_rate, factor))


def make_optimizer(
    config: TrainConfig, *, steps: int, factors: Mapping[str, float], compute_dtype: str = "float32"
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a stage.

    Args:
        config: The settings.
        steps: Number of steps of the whole stage.
        factors: As `LayeredAdam` takes them.
        compute_dtype: Dtype of its arithmetic; gradients in float16 are scaled so that they do not vanish.
    """
    rate: object = config.learning_rate
    if config.schedule is Schedule.COSINE:
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    optimizer = LayeredAdam(rate, factors=factors)
    return keras.optimizers.LossScaleOptimizer(optimizer) if compute_dtype == "float16" else optimizer


def rate_after(losses: Sequence[float], config: TrainConfig) -> float:
    """Return the learning rate of the next epoch under Schedule.PLATEAU.

    It starts at `learning_rate`, and falls by `plateau_factor` whenever `plateau_patience` epochs
    have passed since the loss was lowest or the rate was lowered.

    Args:
        losses: On the validation images, for each epoch of the stage so far.
        config: The settings.
    """
    rate = config.learning_rate
    lowest = float("inf")
    waited = 0
    for loss in losses:
        if loss < lowest:
            lowest, waited = loss, 0
        else:
            waited += 1
        if waited >= config.plateau_patience:
            rate, waited = rate * config.plateau_factor, 0
    return rate
