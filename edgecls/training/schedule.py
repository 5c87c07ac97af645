"""The learning rate: from step to step, from epoch to epoch, and from layer to layer."""

from collections.abc import Mapping, Sequence

import keras

from edgecls.training.config import Schedule, TrainConfig

__all__ = ["LayeredAdam", "make_optimizer", "rate_after"]


class LayeredAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """Adam that gives each weight a learning rate of its own: the common one times a factor."""

    def __init__(self, learning_rate: object, *, factors: Mapping[str, float]) -> None:
        """
        Args:
            learning_rate: The common one, a number or a schedule of Keras.
            factors: For each weight, by its path, what it is multiplied with.
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
        compute_dtype: In which the network calculates; gradients in float16 are scaled, lest they vanish.
    """
    rate: object = config.learning_rate
    if config.schedule is Schedule.COSINE:
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    optimizer = LayeredAdam(rate, factors=factors)
    return keras.optimizers.LossScaleOptimizer(optimizer) if compute_dtype == "float16" else optimizer


def rate_after(losses: Sequence[float], config: TrainConfig) -> float:
    """Return the learning rate of the next epoch under Schedule.PLATEAU.

    It begins as the settings say, and falls by `plateau_factor` whenever `plateau_patience` epochs
    have passed since the loss was lowest or the rate was lowered.

    Args:
        losses: On the pictures held out, for each epoch of the stage so far.
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
