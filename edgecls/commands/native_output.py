"""What compiled libraries write straight to standard error, past Python."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["held_back"]


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written to standard error in the block, and let it out only if the block raises.

    For importing TensorFlow, which greets with a page of notices that no setting turns off.
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
