"""Architectures, one a file: Keras networks behind one registry (extra "train"), classical models behind another.

The names below come from `edgecls.models.networks`, which loads Keras, when they are first used:
classical models do without it.
"""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from edgecls.models.networks import (
        HEAD_PREFIX,
        IMAGENET,
        NO_WEIGHTS,
        Architecture,
        Head,
        architecture_names,
        build_model,
        fold_temperature,
        get_architecture,
        head_names,
    )


def __getattr__(name: str) -> Any:
    """Load all networks when one of their names is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'edgecls.models' has no attribute {name!r}")
    from edgecls.models import networks

    return getattr(networks, name)
