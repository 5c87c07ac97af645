"""Pictures sorted into folders, one folder for each label."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgecls.errors import DatasetError, ModelFileError
from edgecls.model_card import check_labels
from edgecls.picture_files import find_pictures, is_hidden

__all__ = ["LabelledPictures", "read_class_folders"]


@dataclass(frozen=True)
class LabelledPictures:
    """Paths of pictures and what they show.

    Attributes:
        labels: All labels, sorted by code point.
        paths: Paths of the pictures, sorted within each label.
        label_ids: For each picture the index of its label.
    """

    labels: tuple[str, ...]
    paths: tuple[Path, ...]
    label_ids: tuple[int, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures for each label, in the order of `labels`."""
        counted = Counter(self.label_ids)
        return {label: counted[index] for index, label in enumerate(self.labels)}


def read_class_folders(root: Path) -> LabelledPictures:
    """Find the pictures in a folder that has one folder for each label.

    Pictures are files with a picture's suffix, at any depth below a label's folder. Hidden files and
    folders are passed over. Labels are normalised to Unicode NFC, so that a folder made on a Mac
    has the same label as one made elsewhere.

    Raises:
        DatasetError: There is no such folder, fewer than two labels, a label without pictures, or
            a folder name that cannot be a label.
    """
    if not root.is_dir():
        raise DatasetError(f"there is no folder {str(root)!r}; give a folder that has one folder for each label")
    folders = {_label_of(folder): folder for folder in root.iterdir() if folder.is_dir() and not is_hidden(folder.name)}
    if len(folders) < 2:
        raise DatasetError(
            f"{str(root)!r} has {len(folders)} class folder(s), at least 2 are needed; "
            "put the pictures of each label into a folder named like the label"
        )
    labels = tuple(sorted(folders))
    try:
        check_labels(labels)
    except ModelFileError as error:
        raise DatasetError(f"the folders in {str(root)!r} cannot be labels: {error}; rename them") from error
    paths: list[Path] = []
    label_ids: list[int] = []
    for index, label in enumerate(labels):
        pictures = find_pictures(folders[label])
        if not pictures:
            raise DatasetError(
                f"class folder {str(folders[label])!r} has no pictures; put some in or delete the folder"
            )
        paths += pictures
        label_ids += [index] * len(pictures)
    return LabelledPictures(labels, tuple(paths), tuple(label_ids))


def _label_of(folder: Path) -> str:
    return unicodedata.normalize("NFC", folder.name)
