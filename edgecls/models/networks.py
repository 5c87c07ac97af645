"""All networks: importing this enters every one of them into the registry. Needs the extra "train"."""

from edgecls.models import gray_cnn, keras_applications, resnet18, simple_cnn  # each enters what it defines
from edgecls.models.architecture import Architecture, architecture_names, get_architecture
from edgecls.models.build import IMAGENET, NO_WEIGHTS, build_model
from edgecls.models.heads import HEAD_PREFIX, Head, fold_temperature, head_names

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

del gray_cnn, keras_applications, resnet18, simple_cnn
