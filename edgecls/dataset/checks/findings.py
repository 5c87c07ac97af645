"""What can be wrong with the images of a dataset, as records."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["Finding", "FindingKind"]


class FindingKind(StrEnum):
    """The faults that are looked for.

    UNREADABLE: the file cannot be read or decoded.
    TRUNCATED: it cannot be decoded because its end is missing.
    WRONG_EXTENSION: its bytes are an image, of another format than its name says or under no image's name.
    TINY: a side has too few pixels.
    BLANK: it is nearly of one colour.
    LABEL_CONFLICT: the same image, byte for byte or nearly, has another label as well.
    EXACT_DUPLICATE: an image of the same label has the same bytes.
    NEAR_DUPLICATE: an image of the same label looks the same.
    NOT_AN_IMAGE: a file in a class folder that is no image.
    EMPTY_CLASS: a class folder without images.
    FEW_IMAGES: a label with a single usable image, which cannot be both learned from and held out.
    LABEL_NAME: a label that cannot be the name of a folder on every system, or that has spaces around it.
    LABEL_TWIN: a label that differs from another in case, Unicode form or spaces only.
    OUTSIDE_CLASS: a file beside the class folders, which belongs to no label.
    HIDDEN: a hidden file, or a folder of a system or a tool with images in it; every command passes them over.
    """

    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    WRONG_EXTENSION = "wrong_extension"
    TINY = "tiny"
    BLANK = "blank"
    LABEL_CONFLICT = "label_conflict"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    NOT_AN_IMAGE = "not_an_image"
    EMPTY_CLASS = "empty_class"
    FEW_IMAGES = "few_images"
    LABEL_NAME = "label_name"
    LABEL_TWIN = "label_twin"
    OUTSIDE_CLASS = "outside_class"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class Finding:
    """One fault of one file or folder.

    Attributes:
        kind: What kind of fault.
        path: The file; of a label its folder, or the list or table that names it.
        detail: What is wrong, in words.
        other: The file or folder that this one is a duplicate of, or in conflict with.
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
