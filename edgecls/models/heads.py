"""Heads, which turn a feature map into probabilities of labels.

A head is the part of a network that depends on the set of labels. It pools the feature map of an
architecture into one vector per image, and has dropout, an optional dense layer, and a softmax.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from edgecls.errors import ModelConfigError
from edgecls.modelfile import OUTPUT_NAME

__all__ = [
    "HEAD_PREFIX",
    "MAX_HEAD_WEIGHTS",
    "Head",
    "attach_head",
    "fold_temperature",
    "head_names",
    "pooled_features",
]

HEAD_PREFIX = "head_"
"""Prefix of the names of the layers that depend on the set of labels; all others can be pretrained."""

LOGITS = HEAD_PREFIX + "logits"

MAX_HEAD_WEIGHTS = 400_000_000
"""Of one layer: an ONNX file is limited to 2 GB, and a weight takes four bytes."""


def _average(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.GlobalAveragePooling2D(name=HEAD_PREFIX + "average")(feature_map)


def _max(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.GlobalMaxPooling2D(name=HEAD_PREFIX + "max")(feature_map)


def _flatten(feature_map: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Flatten(name=HEAD_PREFIX + "flatten")(feature_map)


def _joined(*poolings: Callable[[keras.KerasTensor], keras.KerasTensor]) -> Callable[..., keras.KerasTensor]:
    def pool(feature_map: keras.KerasTensor) -> keras.KerasTensor:
        return keras.layers.Concatenate(name=HEAD_PREFIX + "join")([each(feature_map) for each in poolings])

    return pool


_POOLINGS: dict[str, Callable[[keras.KerasTensor], keras.KerasTensor]] = {
    "average": _average,
    "max": _max,
    "average_max": _joined(_average, _max),
    "flatten": _flatten,
    "max_average_flatten": _joined(_max, _average, _flatten),
}
"""Poolings of a feature map ``[N, h, w, C]`` into vectors ``[N, F]``, by name."""


def head_names() -> list[str]:
    """Return the names of all heads, smallest first."""
    return list(_POOLINGS)


@dataclass(frozen=True)
class Head:
    """The settings of a head.

    Attributes:
        name: The pooling of the map: "average" or "max" over the image, "average_max" for both, "flatten" for
            none (its weights fit one image size only), or "max_average_flatten" for all three.
        dropout: Dropout rate of that vector and of the dense layer, 0 to below 1.
        hidden_units: Width of a dense layer with ReLU before the classification; 0 for none.

    Raises:
        ModelConfigError: A value is outside its limits.
    """

    name: str = "average"
    dropout: float = 0.2
    hidden_units: int = 0

    def __post_init__(self) -> None:
        if self.name not in _POOLINGS:
            raise ModelConfigError(f"there is no head {self.name!r}; choose one of {', '.join(head_names())}")
        if not 0 <= self.dropout < 1:
            raise ModelConfigError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.hidden_units < 0:
            raise ModelConfigError(f"hidden units must be at least 0, got {self.hidden_units}")

    def changed(
        self, *, name: str | None = None, dropout: float | None = None, hidden_units: int | None = None
    ) -> "Head":
        """Return this head with the values that are not None."""
        return Head(
            self.name if name is None else name,
            self.dropout if dropout is None else dropout,
            self.hidden_units if hidden_units is None else hidden_units,
        )

    def __str__(self) -> str:
        dense = f", dense {self.hidden_units}" if self.hidden_units else ""
        return f"{self.name}{dense}, dropout {self.dropout:g}"


def attach_head(features: keras.Model, head: Head, *, num_classes: int, name: str) -> keras.Model:
    """Put a head on a network that ends in a feature map.

    Args:
        features: Input "image" uint8 ``[N, H, W, C]``, output float ``[N, h, w, C']``; shares its weights with the
            result.
        head: Its settings.
        num_classes: Number of labels, at least 2.
        name: Name of the result.

    Returns:
        An uncompiled model; input "image" uint8 ``[N, H, W, C]``, output "probabilities" float32
        ``[N, num_classes]``, each row of which sums to 1. The names of all layers of the head begin with
        HEAD_PREFIX, except the last, which has no weights.

    Raises:
        ModelConfigError: Fewer than two labels, or a layer too large for an ONNX file.
    """
    if num_classes < 2:
        raise ModelConfigError(f"a classifier needs at least 2 labels, got {num_classes}")
    x = _POOLINGS[head.name](features.output)
    if head.dropout:
        x = keras.layers.Dropout(head.dropout, name=HEAD_PREFIX + "dropout")(x)
    if head.hidden_units:
        x = _dense(x, head.hidden_units, "relu", "dense")
        if head.dropout:
            x = keras.layers.Dropout(head.dropout, name=HEAD_PREFIX + "dropout_dense")(x)
    logits = _dense(x, num_classes, None, "logits")
    probabilities = keras.layers.Activation("softmax", dtype="float32", name=OUTPUT_NAME)(logits)
    return keras.Model(features.input, probabilities, name=name)


def _dense(x: keras.KerasTensor, units: int, activation: str | None, name: str) -> keras.KerasTensor:
    if x.shape[-1] * units > MAX_HEAD_WEIGHTS:
        raise ModelConfigError(
            f"a dense layer from {x.shape[-1]:,} features to {units:,} has more than {MAX_HEAD_WEIGHTS:,} weights; "
            "use the head average, smaller images or fewer hidden units"
        )
    return keras.layers.Dense(units, activation=activation, name=HEAD_PREFIX + name)(x)


def pooled_features(network: keras.Model) -> keras.KerasTensor:
    """Return the vector that the head makes of the feature map, before dropout: float ``[N, F]``.

    Args:
        network: As `attach_head` makes it.
    """
    after_pooling = ("Dropout", "Dense")
    first = next(
        layer
        for layer in network.layers
        if layer.name.startswith(HEAD_PREFIX) and type(layer).__name__ in after_pooling
    )
    return first.input


def fold_temperature(network: keras.Model, temperature: float) -> keras.Model:
    """Return a copy of a network whose logits are divided by a temperature.

    Args:
        network: As `build_model` makes it, trained or not: its last layers are a linear dense layer
            "head_logits" and a softmax.
        temperature: Above 0; above 1, the network becomes less confident.

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
