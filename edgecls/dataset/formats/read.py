"""Reading a dataset in any form."""

from pathlib import Path

from edgecls.dataset.formats.folders import has_split_folders, read_class_folders, read_split_folders
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.dataset.formats.lists import has_split_lists, read_csv_file, read_list_file, read_split_lists

__all__ = ["read_dataset"]


def read_dataset(path: Path) -> Dataset:
    """Read which images a dataset has and what they show; no image is opened.

    The forms, told apart in this order:

    - a file ending in .csv: a table with the columns `path` and `label`, perhaps `split`;
    - any other file: a list, on each line a path, a tab and a label;
    - a folder with `train.txt`, perhaps also `val.txt` and `test.txt`: such lists;
    - a folder with the folder `train`, perhaps also `val` and `test`, in any usual spelling: class folders in each;
    - any other folder: class folders.

    Where nothing is divided into parts, all images are in `train`.

    Raises:
        DatasetError: There is nothing, it cannot be read, or it cannot be trained on; the message says why.
    """
    if path.is_file():
        return read_csv_file(path) if path.suffix.lower() == ".csv" else read_list_file(path)
    if path.is_dir():
        if has_split_lists(path):
            return read_split_lists(path)
        if has_split_folders(path):
            return read_split_folders(path)
    return Dataset(read_class_folders(path))
