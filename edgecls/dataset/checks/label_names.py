"""Labels that people and systems take for another one, or cannot use."""

import unicodedata
from collections.abc import Iterable, Iterator

from edgecls.folder_names import label_fault

__all__ = ["label_name_fault", "label_twins"]

_JOINERS = "\u200c\u200d"  # Persian and emoji need them


def label_name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a label as it is written; None if nothing is."""
    if name != name.strip():
        return "it begins or ends with a space"
    if any(unicodedata.category(character) == "Cf" and character not in _JOINERS for character in name):
        return "it has characters that cannot be seen"
    return label_fault(unicodedata.normalize("NFC", name))


def label_twins(names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield names of labels that look like an earlier one, each with that one, and in what they differ.

    Args:
        names: As they are written, in the order in which the first of several is taken for the right one.
    """
    first_of: dict[str, str] = {}
    for name in dict.fromkeys(names):
        first = first_of.setdefault(_seen(name), name)
        if first != name:
            yield name, first, _difference(name, first)


def _seen(name: str) -> str:
    visible = "".join(
        character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFC", visible.casefold()).split())


def _difference(one: str, other: str) -> str:
    one, other = (unicodedata.normalize("NFC", name) for name in (one, other))
    if one == other:
        return "in Unicode form only: their images are taken as one label"
    if one.casefold() == other.casefold():
        return "in upper and lower case only"
    return "in spaces or in characters that look the same only"
