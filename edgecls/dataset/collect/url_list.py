"""Files that list addresses of pictures."""

from pathlib import Path

from edgecls.errors import DatasetError
from edgecls.regular_file import read_regular

__all__ = ["read_url_list"]


def read_url_list(path: Path, *, default_label: str | None = None) -> dict[str, list[str]]:
    """Read a file that has one address a line, or a label, a tab and an address.

    The file is UTF-8 text; empty lines and lines that begin with # are passed over.

    Args:
        path: The file.
        default_label: Label of the lines that give none.

    Returns:
        The addresses of each label, in the order of the file, each once.

    Raises:
        DatasetError: The file cannot be read, has no address, or has one without a label.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read the list {str(path)!r}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"the list {str(path)!r} is not UTF-8 text: {error}; save it as UTF-8") from error
    found: dict[str, dict[str, None]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        before, tab, after = line.rpartition("\t")
        label = before.strip() if tab else default_label
        if not label:
            raise DatasetError(
                f"line {number} of {str(path)!r} gives no label; write LABEL<tab>ADDRESS, or give one with --class"
            )
        found.setdefault(label, {})[after.strip()] = None
    if not found:
        raise DatasetError(f"the list {str(path)!r} has no addresses; write one a line")
    return {label: list(urls) for label, urls in found.items()}
