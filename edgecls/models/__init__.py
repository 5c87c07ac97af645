"""Architectures: one Keras network a file, behind one registry. Needs the extra "train"."""

from edgecls.models import mobilenet_v2 as _mobilenet_v2
from edgecls.models import simple_cnn as _simple_cnn
from edgecls.models.build import IMAGENET, NO_WEIGHTS, build_model
from edgecls.models.registry import HEAD_PREFIX, Architecture, architecture_names, get_architecture
from edgecls.models.temperature import fold_temperature

__all__ = [
    "HEAD_PREFIX",
    "IMAGENET",
    "NO_WEIGHTS",
    "Architecture",
    "architecture_names",
    "build_model",
    "fold_temperature",
    "get_architecture",
]

del _mobilenet_v2, _simple_cnn  # importing them has entered them into the registry
