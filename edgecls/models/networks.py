"""All networks: importing this enters every one of them into the registry. Needs the extra "train"."""

from edgecls.models import (  # importing them enters them into the registry
    efficientnet_v2_b0,
    gray_cnn,
    mobilenet_v2,
    mobilenet_v3_small,
    nasnet_mobile,
    resnet18,
    resnet50v2,
    simple_cnn,
    vgg16,
)
from edgecls.models.build import IMAGENET, NO_WEIGHTS, build_model
from edgecls.models.heads import HEAD_PREFIX, Head, head_names
from edgecls.models.registry import Architecture, architecture_names, get_architecture
from edgecls.models.temperature import fold_temperature

__all__ = [
    "HEAD_PREFIX",
    "IMAGENET",
    "NO_WEIGHTS",
    "Architecture",
    "Head",
    "architecture_names",
    "build_model",
    "fold_temperature",
    "get_architecture",
    "head_names",
]

del efficientnet_v2_b0, gray_cnn, mobilenet_v2, mobilenet_v3_small, nasnet_mobile
del resnet18, resnet50v2, simple_cnn, vgg16
