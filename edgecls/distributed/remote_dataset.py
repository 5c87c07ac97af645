"""Datasets in object storage: class folders and splits, recognised by the code that recognises local ones."""

from pathlib import Path
from typing import Any

from edgecls.dataset.formats.folders import read_folders
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.distributed.sources import Place, folder_entries, listing_errors, open_location
from edgecls.errors import DatasetError
from edgecls.evaluation.record import Uri

__all__ = ["RemoteDataset"]


class RemoteDataset:
    """A dataset under a URI, whose images are named by paths that stand for their URIs.

    Args:
        uri: Of a folder with one folder for each label, or one for each split with these in it.

    Attributes:
        location: As in `Listed`, of all images.
        dataset: What is there.

    Raises:
        DatasetError: There is no such folder, or it is no dataset; as for a local one.
        DistributedError: It cannot be listed.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, uri: str) -> None:
        place = Place.of(uri)
        self.location = place.location
        self._shown = place.shown.rstrip("/")
        self._root = Path(self._shown)
        with listing_errors(place):
            tree = _RemoteTree(place, self._root)
            try:
                self.dataset: Dataset = read_folders(self._root, tree)
            except DatasetError as error:
                raise DatasetError(str(error).replace(str(self._root), self._shown)) from error

    def uri_of(self, path: Path) -> Uri:
        """Return the URI that a path of the dataset stands for."""
        return Uri(self._shown + path.as_posix()[len(self._root.as_posix()) :])


class _RemoteTree:
    """The folders below a URI; each is listed once.

    Args:
        place: What the URI names.
        root: The path that stands for it.
    """

    def __init__(self, place: Place, root: Path) -> None:
        self._system, self._fs, beginning = open_location(place.location)
        self._top = f"{beginning}/{place.key}".rstrip("/") or "/"
        self._root = root
        self._listed: dict[Path, tuple[list[str], list[str]]] = {}

    def is_folder(self, path: Path) -> bool:
        found: Any = self._system.get_file_info(self._there(path))
        return bool(found.type == self._fs.FileType.Directory)

    def folders(self, folder: Path) -> list[Path]:
        names, _ = self._entries(folder)
        return [folder / name for name in names]

    def images(self, folder: Path) -> list[Path]:
        names, files = self._entries(folder)
        return [folder / file for file in files] + [path for name in names for path in self.images(folder / name)]

    def has_own_images(self, folder: Path) -> bool:
        _, files = self._entries(folder)
        return bool(files)

    def _entries(self, folder: Path) -> tuple[list[str], list[str]]:
        if folder not in self._listed:
            self._listed[folder] = folder_entries(self._system, self._fs, self._there(folder))
        return self._listed[folder]

    def _there(self, path: Path) -> str:
        below = path.as_posix()[len(self._root.as_posix()) :]
        return (self._top.rstrip("/") + below) or "/"
