"""Pictures sorted into folders, one folder for each label."""

from pathlib import Path

from edgecls.dataset.forms.assemble import Listed, assemble, label_text
from edgecls.dataset.forms.labelled_pictures import LabelledPictures
from edgecls.errors import DatasetError
from edgecls.picture_files import find_pictures, is_hidden

__all__ = ["list_class_folders", "read_class_folders", "subfolders"]


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
    folders = subfolders(root)
    if len(folders) < 2:
        raise DatasetError(
            f"{str(root)!r} has {len(folders)} class folder(s), at least 2 are needed; "
            "put the pictures of each label into a folder named like the label"
        )
    listed = list_class_folders(root)
    filled = {label for _, label in listed}
    for folder in folders:
        if label_text(folder.name) not in filled:
            raise DatasetError(f"class folder {str(folder)!r} has no pictures; put some in or delete the folder")
    return assemble({"train": listed}, root).train


def list_class_folders(root: Path) -> list[Listed]:
    """Return every picture below the class folders in `root`, with its label; none if there are none."""
    return [(path, label_text(folder.name)) for folder in subfolders(root) for path in find_pictures(folder)]


def subfolders(root: Path) -> list[Path]:
    """Return the folders in a folder but hidden ones, sorted.

    Raises:
        DatasetError: The folder cannot be read.
    """
    try:
        return sorted(path for path in root.iterdir() if not is_hidden(path.name) and path.is_dir())
    except OSError as error:
        raise DatasetError(f"cannot read folder {str(root)!r}: {error.strerror}; check who may read it") from error
