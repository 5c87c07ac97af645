"""Labels that can be the name of a folder on every system."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from edgecls.errors import DatasetError
from edgecls.image_files import is_hidden

__all__ = ["class_folder", "class_folders", "escaped_label", "folder_label", "label_fault"]

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
    fault = label_fault(label)
    if fault:
        raise DatasetError(f"{text!r} cannot be the name of a class folder: {fault}")
    return label


def escaped_label(label: str) -> str:
    """Return a folder name for any label: the label itself in Unicode NFC, where it can be one.

    Otherwise characters that stand in the way are written as %XX, the hexadecimal digits of their UTF-8
    bytes: "AC/DC" becomes "AC%2FDC".

    Raises:
        DatasetError: It is too long.
    """
    name = "".join(
        _percent(character) if character in _SEPARATORS_AND_SIGNS or _is_unprintable(character) else character
        for character in unicodedata.normalize("NFC", label)
    )
    if name and (is_hidden(name) or name[0].isspace() or _is_device(name)):
        name = _percent(name[0]) + name[1:]
    if name and (name[-1] == "." or name[-1].isspace()):
        name = name[:-1] + _percent(name[-1])
    if fault := label_fault(name):
        raise DatasetError(f"label {label!r} cannot be the name of a folder: {fault}")
    return name


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _is_unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _is_device(name: str) -> bool:
    return name.partition(".")[0].strip().upper() in _DEVICES


def label_fault(label: str) -> str | None:
    """Return why a label cannot be the name of a folder on every system; None if it can."""
    if not label:
        return "it is empty"
    if is_hidden(label):
        return "folders of this name are hidden"
    if any(map(_is_unprintable, label)):
        return "it has control characters"
    if signs := sorted(_SEPARATORS_AND_SIGNS & set(label)):
        return f"it has {' '.join(signs)}"
    if label.endswith("."):
        return "it ends with a dot"
    if _is_device(label):
        return "Windows keeps this name for a device"
    if len(label.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    return None


def class_folder(root: Path, label: str) -> Path:
    """Return the folder of a label below `root`; one that is there under another Unicode form is taken.

    Raises:
        DatasetError: A folder is there whose name differs in upper and lower case only, or a file has the name.
    """
    return class_folders(root, [label])[label]


def class_folders(root: Path, labels: Iterable[str]) -> dict[str, Path]:
    """Return what `class_folder` does for each of many labels, listing `root` only once.

    Raises:
        As `class_folder`.
    """
    entries: dict[str, Path] = {}
    folded: dict[str, str] = {}
    for entry in sorted(root.iterdir()) if root.is_dir() else ():
        name = unicodedata.normalize("NFC", entry.name)
        entries.setdefault(name, entry)
        if entry.is_dir():
            folded.setdefault(name.casefold(), name)
    folders = {}
    for label in labels:
        if label in entries and not entries[label].is_dir():
            raise DatasetError(f"{label!r} is no folder but a file; move it away or give another label")
        if label not in entries and (twin := folded.get(label.casefold())):
            raise DatasetError(
                f"the class folder {twin!r} and {label!r} differ in upper and lower case only, which some systems "
                f"take for the same; give the label as {twin!r}"
            )
        folders[label] = entries.get(label, root / label)
    return folders
