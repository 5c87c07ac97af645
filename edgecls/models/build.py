"""Building a network by name, untrained or with pretrained weights. Importing this registers every architecture."""

import keras

from edgecls.image_spec import ImageSpec
from edgecls.models import efficientnet_lite, gray_cnn, keras_applications, resnet18, simple_cnn  # these register
from edgecls.models.architecture import Architecture, architecture_names, features_model, get_architecture
from edgecls.models.heads import HEAD_PREFIX, Head, attach_head, fold_temperature, head_names
from edgecls.models.weights import AUTO, IMAGENET, NO_WEIGHTS, Origin, needed_variant, take_weights

__all__ = [
    "AUTO",
    "HEAD_PREFIX",
    "IMAGENET",
    "NO_WEIGHTS",
    "Architecture",
    "Head",
    "Origin",
    "architecture_names",
    "build_model",
    "build_with_origin",
    "fold_temperature",
    "get_architecture",
    "head_names",
]

del efficientnet_lite, gray_cnn, keras_applications, resnet18, simple_cnn


def build_model(
    name: str,
    *,
    num_classes: int,
    spec: ImageSpec,
    weights: str = NO_WEIGHTS,
    variant: str | None = None,
    head: str | None = None,
    dropout: float | None = None,
    hidden_units: int | None = None,
) -> keras.Model:
    """Build a classifier that takes raw pixels.

    Args:
        name: An architecture of the registry.
        num_classes: Number of labels, at least 2.
        spec: Its input image.
        weights: "none" for random ones; "imagenet" for the published ones, from an installed package ("package") or as
            Keras downloads them ("keras"); "auto" for the same, or random ones where there are none; or the path of a
            weights file of the same architecture, for any labels and with any head, which is not loaded: .weights.h5,
            .keras, or .safetensors, .pth or .pt with the names of PyTorch. For grey images, weights of a colour
            network are converted so that the grey network gives the same results as the colour network.
        variant: "torchvision" for the network as torchvision builds it, which pads on all sides alike; None for the one
            that the weights need, the usual one without weights.
        head: The head, one of `head_names()`; None for the default of the architecture, as with the two below.
        dropout: Dropout rate, 0 to below 1.
        hidden_units: Width of a dense layer before the classification; 0 for none.

    Returns:
        An uncompiled model with one input and one output:
        "image": uint8, shape ``(N, *spec.shape_hwc)``.
        "probabilities": float32, shape ``(N, num_classes)``, each row sums to 1.

    Raises:
        ModelConfigError: An argument is outside its limits, or the weights do not fit.
    """
    return build_with_origin(
        name,
        num_classes=num_classes,
        spec=spec,
        weights=weights,
        variant=variant,
        head=head,
        dropout=dropout,
        hidden_units=hidden_units,
    )[0]


def build_with_origin(
    name: str,
    *,
    num_classes: int,
    spec: ImageSpec,
    weights: str,
    variant: str | None = None,
    head: str | None = None,
    dropout: float | None = None,
    hidden_units: int | None = None,
) -> tuple[keras.Model, Origin]:
    """Build a classifier as `build_model` does; return also where its weights come from.

    With the weights and the variant of the origin, the same network is built again.
    """
    architecture = get_architecture(name)
    chosen = architecture.head.changed(name=head, dropout=dropout, hidden_units=hidden_units)

    variant = variant or needed_variant(architecture, weights)
    features = features_model(architecture, spec, variant)
    model = attach_head(features, chosen, num_classes=num_classes, name=name)  # before other networks draw seeds
    return model, take_weights(features, architecture, spec, weights, variant=variant)
