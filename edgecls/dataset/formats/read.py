"""Reading a dataset in any format."""

from os import PathLike
from pathlib import Path

from edgecls.dataset.formats.folders import read_folders
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.dataset.formats.lists import has_split_lists, read_csv_file, read_list_file, read_split_lists

__all__ = ["read_dataset"]


def read_dataset(path: str | PathLike[str], *, groups_within_labels: bool = False) -> Dataset:
    """Read which images a dataset has, and their labels; no image is opened.

    The formats, in the order in which they are tried:

    - a file ending in .csv: a table with the columns `path` and `label`, perhaps `split`;
    - any other file: a list, on each line a path, a tab and a label;
    - a folder with `train.txt`, perhaps also `val.txt` and `test.txt`: such lists;
    - a folder with the folder `train`, perhaps also `val` and `test`, in any usual spelling: class folders in each;
    - any other folder: class folders.

    If a dataset is not divided, all images are in `train`.

    Args:
        path: A file or a folder.
        groups_within_labels: Folders within class folders are known to be groups of images, as of one object. They may
            then have the same names in all class folders; otherwise that is refused, as it may be the other way round.

    Raises:
        DatasetError: It does not exist, cannot be read, or cannot be trained on; the message says why.
    """
    path = Path(path)
    if path.is_file():
        return read_csv_file(path) if path.suffix.lower() == ".csv" else read_list_file(path)
    if path.is_dir() and has_split_lists(path):
        return read_split_lists(path)
    return read_folders(path, groups_within_labels=groups_within_labels)
