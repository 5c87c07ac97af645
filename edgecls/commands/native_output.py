"""What compiled libraries write straight to standard error, past Python."""

import contextlib
import importlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

from edgecls.extras import import_from_extra

__all__ = ["held_back", "import_keras"]

QUIET = "3"  # of TF_CPP_MIN_LOG_LEVEL: nothing but what ends the process


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to standard error in the block, and let it out only if the block raises.

    For what libraries say that no setting of theirs turns off.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def import_keras(*, purpose: str) -> None:
    """Import Keras and its backend without the notices that TensorFlow greets with and goes on to log.

    It greets when it is imported and once more when it looks for devices; both happen here. Whoever sets
    TF_CPP_MIN_LOG_LEVEL sees its log.

    Args:
        purpose: What it is needed for, as the beginning of a sentence.

    Raises:
        MissingExtraError: Keras or its backend is not installed.
    """
    is_quiet = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET) == QUIET
    with held_back():
        import_from_extra("keras", extra="train", purpose=purpose)
        if importlib.util.find_spec("tensorflow"):  # where JAX trains, it still exports
            importlib.import_module("tensorflow").config.list_physical_devices()
    if is_quiet:
        for name in ("tensorflow", "absl", "jax"):
            logging.getLogger(name).setLevel(logging.ERROR)
