"""Packages that only some commands need, imported when they are needed."""

import importlib
import importlib.util
from types import ModuleType

from edgecls.errors import MissingExtraError

__all__ = ["import_from_extra"]

_WITHOUT_RUNTIME = {"cpu", "gpu", "data", "heic", "page", "parquet"}
"""The extras of what runs no model; whoever misses another one may miss onnxruntime too."""


def import_from_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional package, or say which pip command brings it.

    Args:
        module: Name of the module, dotted or not.
        extra: The extra of edgecls that installs its package.
        purpose: What it is needed for, as the beginning of a sentence.

    Raises:
        MissingExtraError: The package is not installed. One that is installed but fails while
            loading keeps its own exception.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        if extra not in _WITHOUT_RUNTIME and importlib.util.find_spec("onnxruntime") is None:
            extra = f"cpu,{extra}"
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f'install it with: pip install "edgecls[{extra}]"'
        ) from error
