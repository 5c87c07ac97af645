"""Labels that can be the name of a folder on every system."""

import unicodedata
from pathlib import Path

from edgecls.errors import DatasetError
from edgecls.picture_files import is_hidden

__all__ = ["class_folder", "folder_label"]

MAX_NAME_BYTES = 200
_SEPARATORS_AND_SIGNS = frozenset('/\\<>:"|?*')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)


def folder_label(text: str) -> str:
    """Return a label as it names its folder: in Unicode NFC, without spaces around it.

    Raises:
        DatasetError: It cannot be a folder name on every system, or readers would pass over it.
    """
    label = unicodedata.normalize("NFC", text).strip()
    fault = _fault(label)
    if fault:
        raise DatasetError(f"{text!r} cannot be the name of a class folder: {fault}; give another label with --class")
    return label


def _fault(label: str) -> str | None:
    if not label:
        return "it is empty"
    if is_hidden(label):
        return "folders of this name are hidden"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in label):
        return "it has control characters"
    if signs := sorted(_SEPARATORS_AND_SIGNS & set(label)):
        return f"it has {' '.join(signs)}"
    if label.endswith("."):
        return "it ends with a dot"
    if label.partition(".")[0].strip().upper() in _DEVICES:
        return "Windows keeps this name for a device"
    if len(label.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return None


def class_folder(root: Path, label: str) -> Path:
    """Return the folder of a label below `root`; one that is there under another Unicode form is taken.

    Raises:
        DatasetError: A folder is there whose name differs in upper and lower case only, or a file has the name.
    """
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        name = unicodedata.normalize("NFC", entry.name)
        if name == label and not entry.is_dir():
            raise DatasetError(f"{str(entry)!r} is no folder; move it away or give another label")
        if name == label:
            return entry
        if name.casefold() == label.casefold() and entry.is_dir():
            raise DatasetError(
                f"{str(entry)!r} and {label!r} differ in upper and lower case only, which some systems "
                f"take for the same; give the label as {name!r}"
            )
    return root / label
