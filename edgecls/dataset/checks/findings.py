"""Findings of a check: what can be wrong with a dataset."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["CheckFinding", "FindingKind"]


class FindingKind(StrEnum):
    """The kinds of faults."""

    UNREADABLE = "unreadable"  # the file cannot be read or decoded
    TRUNCATED = "truncated"  # it cannot be decoded because its end is missing
    WRONG_EXTENSION = "wrong_extension"  # an image whose name says another format, or no image
    TINY = "tiny"  # a side has too few pixels
    BLANK = "blank"  # nearly a single colour
    LABEL_CONFLICT = "label_conflict"  # the same image, byte for byte or nearly, has another label as well
    EXACT_DUPLICATE = "exact_duplicate"  # an image of the same label has the same bytes
    NEAR_DUPLICATE = "near_duplicate"  # an image of the same label looks the same
    NOT_AN_IMAGE = "not_an_image"  # a file in a class folder that is not an image
    EMPTY_CLASS = "empty_class"  # a class folder without images
    FEW_IMAGES = "few_images"  # a label with a single usable image, which cannot be both trained on and held out
    LABEL_NAME = "label_name"  # a label that is not a valid folder name on every system, or has spaces around it
    LABEL_TWIN = "label_twin"  # a label that differs from another in case, Unicode form or spaces only
    OUTSIDE_CLASS = "outside_class"  # a file next to the class folders, which has no label
    HIDDEN = "hidden"  # a hidden file, or a folder of a system or a tool with images in it; every command ignores them


@dataclass(frozen=True)
class CheckFinding:
    """A fault of a file or folder.

    Attributes:
        kind: What kind of fault.
        path: The file; for a label its folder, or the list that names it.
        detail: What is wrong, in words.
        other: The file or folder that this one is a duplicate of, or in conflict with.
    """

    kind: FindingKind
    path: Path
    detail: str
    other: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as in JSON."""
        return {
            "kind": self.kind.value,
            "path": str(self.path),
            "detail": self.detail,
            "other": None if self.other is None else str(self.other),
        }
