"""Random numbers that depend on seed and epoch alone, so that a resumed run draws those of an undisturbed one."""

import keras
import numpy as np

__all__ = ["reseed"]

STATE_SUFFIX = "seed_generator_state"  # ends the path of the variable that a keras.random.SeedGenerator draws from


def reseed(model: keras.Model, *, seed: int, epoch: int) -> None:
    """Set all random sources of a model, of augmentation and dropout, to where they begin an epoch."""
    states = [variable for variable in model.variables if variable.path.endswith(STATE_SUFFIX)]
    seeds = (
        np.random.SeedSequence([seed, epoch, len(states)]).generate_state(max(1, len(states))) >> 1
    )  # fits int32, too
    for state, value in zip(states, seeds, strict=False):
        state.assign([int(value), 0])
