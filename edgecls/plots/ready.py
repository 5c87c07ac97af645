"""Finding out before long work whether what it ends with can be drawn and written."""

import os

from edgecls.atomic_write import check_writable
from edgecls.extras import import_from_extra

__all__ = ["check_can_draw"]


def check_can_draw(target: str | os.PathLike[str]) -> None:
    """Find out whether figures can be drawn here and written to a file.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: The file cannot be written there.
    """
    import_from_extra("matplotlib", extra="data", purpose="drawing figures")
    check_writable(target)
