"""Folding a calibration temperature into a network, so that whoever runs it need not know of one."""

import keras

from edgecls.errors import ModelConfigError
from edgecls.models.heads import HEAD_PREFIX

__all__ = ["fold_temperature"]

LOGITS = HEAD_PREFIX + "logits"


def fold_temperature(network: keras.Model, temperature: float) -> keras.Model:
    """Return a copy of a network whose logits are divided by a temperature; the original stays as it is.

    Args:
        network: As `build_model` makes it, trained or not: its last layers are a linear dense layer
            "head_logits" and a softmax.
        temperature: Above 0; more than 1 makes the network less sure of every answer.

    Raises:
        ModelConfigError: The temperature is not above 0, or the network has no such layer.
    """
    if not temperature > 0:
        raise ModelConfigError(f"a temperature must be above 0, got {temperature!r}")
    layer = next((layer for layer in network.layers if layer.name == LOGITS), None)
    if not isinstance(layer, keras.layers.Dense) or layer.activation is not keras.activations.linear:
        raise ModelConfigError(
            f"cannot fold a temperature into {network.name!r}: it has no linear dense layer {LOGITS!r}; "
            "build it with edgecls.models.build_model"
        )
    folded = keras.models.clone_model(network)
    folded.set_weights(network.get_weights())
    head = folded.get_layer(LOGITS)
    head.set_weights([weights / temperature for weights in head.get_weights()])
    return folded
