"""What can be wrong with the pictures of a dataset, as records."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Finding", "FindingKind"]


class FindingKind(StrEnum):
    """The faults that are looked for.

    UNREADABLE: the file cannot be read or decoded.
    TRUNCATED: it cannot be decoded because its end is missing.
    WRONG_EXTENSION: its bytes are a picture, of another format than its name says or under no picture's name.
    TINY: a side has too few pixels.
    BLANK: it is nearly of one colour.
    LABEL_CONFLICT: the same picture, byte for byte or nearly, has another label as well.
    EXACT_DUPLICATE: a picture of the same label has the same bytes.
    NEAR_DUPLICATE: a picture of the same label looks the same.
    NOT_A_PICTURE: a file in a class folder that is no picture.
    EMPTY_CLASS: a class folder without pictures.
    """

    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    WRONG_EXTENSION = "wrong_extension"
    TINY = "tiny"
    BLANK = "blank"
    LABEL_CONFLICT = "label_conflict"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    NOT_A_PICTURE = "not_a_picture"
    EMPTY_CLASS = "empty_class"


@dataclass(frozen=True)
class Finding:
    """One fault of one file or folder.

    Attributes:
        kind: What kind of fault.
        path: The file, or for an empty class the folder.
        detail: What is wrong, in words.
        other: The file that this one is a duplicate of, or in conflict with.
    """

    kind: FindingKind
    path: Path
    detail: str
    other: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as it stands in JSON."""
        return {
            "kind": self.kind.value,
            "path": str(self.path),
            "detail": self.detail,
            "other": None if self.other is None else str(self.other),
        }
