"""Architectures: Keras networks behind one registry (extra "train"), classical models behind another.

The names below come from `edgecls.models.build`, which loads Keras, when they are first used: classical models do not
need it.
"""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from edgecls.models.build import (
        AUTO,
        HEAD_PREFIX,
        IMAGENET,
        NO_WEIGHTS,
        Architecture,
        Head,
        Origin,
        architecture_names,
        build_model,
        build_with_origin,
        fold_temperature,
        get_architecture,
        head_names,
    )


def __getattr__(name: str) -> Any:
    """Load all networks when one of their names is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'edgecls.models' has no attribute {name!r}")
    from edgecls.models import build

    return getattr(build, name)
