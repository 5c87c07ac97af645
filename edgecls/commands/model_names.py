"""What to call each of several models."""

from collections.abc import Sequence
from pathlib import Path

__all__ = ["model_names"]


def model_names(models: Sequence[Path]) -> list[str]:
    """Return what to call each model: the name of its file, or its whole path where two files are named alike."""
    stems = [path.stem for path in models]
    return [str(path) if stems.count(path.stem) > 1 else path.stem for path in models]
