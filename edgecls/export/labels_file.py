"""Labels that the user states in a text file."""

from pathlib import Path

from edgecls.errors import ExportError, ModelFileError
from edgecls.model_card import check_labels
from edgecls.regular_file import read_regular

__all__ = ["read_labels"]


def read_labels(path: Path) -> tuple[str, ...]:
    """Read labels from a UTF-8 text file, one a line; empty lines are passed over.

    Raises:
        ExportError: The file is no UTF-8 text, or its lines cannot be labels.
    """
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
        labels = tuple(line.strip() for line in lines if line.strip())
        check_labels(labels)
    except (OSError, UnicodeDecodeError, ModelFileError) as error:
        raise ExportError(f"cannot read labels from {str(path)!r}: {error}; save them as UTF-8, one a line") from error
    return labels
