"""Import of Keras and its backend for a command: without their notices, and without what they can do without."""

import contextlib
import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Iterable, Iterator

from edgecls.commands.terminal import held_back
from edgecls.extras import import_from_extra

__all__ = ["UNNEEDED", "import_keras"]

UNNEEDED = ("IPython", "matplotlib", "pandas", "sklearn")
"""Packages that Keras imports where they are installed."""

QUIET = "3"  # of TF_CPP_MIN_LOG_LEVEL: nothing but what ends the process


def import_keras(*, purpose: str) -> None:
    """Import Keras and its backend without the notices that TensorFlow greets with and goes on to log.

    It greets when it is imported and once more when it looks for devices; both happen here. Whoever sets
    TF_CPP_MIN_LOG_LEVEL sees its log.

    Packages that Keras and TensorFlow only import because they are installed are hidden meanwhile, as they can take as
    long as the two themselves. The garbage collector rests, too, which would take a quarter of the time.

    Args:
        purpose: What it is needed for, as the beginning of a sentence.

    Raises:
        MissingExtraError: Keras or its backend is not installed.
    """
    is_quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET) == QUIET
    unneeded = [*UNNEEDED, *(["jax"] if os.environ.get("KERAS_BACKEND") == "tensorflow" else [])]
    with held_back(), _hidden(unneeded), _without_garbage_collection():
        import_from_extra("keras", extra="train", purpose=purpose)
        if importlib.util.find_spec("tensorflow"):  # where JAX trains, it still exports
            importlib.import_module("tensorflow").config.list_physical_devices()
    if is_quiet:
        for name in ("tensorflow", "absl", "jax"):
            logging.getLogger(name).setLevel(logging.ERROR)


@contextlib.contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Let packages that are not imported yet look as if they were not installed."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None, as the import system has it
    try:
        yield
    finally:
        for package in hidden:
            sys.modules.pop(package, None)


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
