"""Sorting images into folders named by their answers.

Nothing is ever overwritten, and what was done is seen from the files alone: a run that was killed, or is
repeated, puts no image there twice.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edgecls.errors import DatasetError, ImageReadError, OutputError
from edgecls.file_moves import copy_file, move_file, numbered, same_content
from edgecls.folder_names import class_folders, escaped_label
from edgecls.runtime.prediction import Outcome, Prediction

__all__ = ["Sorter", "Transfer"]


class Transfer(StrEnum):
    """What happens to an image that is sorted: COPY leaves it where it is, MOVE does not."""

    COPY = "copy"
    MOVE = "move"


class Sorter:
    """Puts images into folders named by their answers.

    A name that another image has already gets a number: "rose-2.jpg". An image that is there under its
    name or a numbered one, byte by byte, counts as done.

    Args:
        root: The folder of the folders; made if need be. Theirs are made when the first image comes.
        labels: All answers that can occur, UNKNOWN too where it can.
        transfer: Whether images are copied or moved.

    Attributes:
        transfer: Whether images are copied or moved.
        sorted_count: Images that were put into a folder.
        done_count: Images that were there already.

    Raises:
        OutputError: The root cannot be made, or the labels cannot be folders in the same place.
    """

    def __init__(self, root: Path, labels: Sequence[str], *, transfer: Transfer) -> None:
        self.sorted_count = 0
        self.done_count = 0
        self.transfer = transfer
        self._taken: dict[tuple[Path, str], _Taken] = {}
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make folder {str(root)!r}: {error.strerror}; choose another place") from error
        self._folders = _folders_of(root, labels)

    @property
    def folders(self) -> frozenset[str]:
        """The real paths of the labels' folders, whether they are there yet or not."""
        return frozenset(map(os.path.realpath, self._folders.values()))

    def place(self, outcome: Outcome) -> Outcome:
        """Put one image into the folder of its answer; one without an answer stays where it is.

        Returns:
            The outcome; with the fault as its result, if the image has gone since it was read.

        Raises:
            OutputError: It cannot be put there; it is where it was.
        """
        if not isinstance(outcome.result, Prediction):
            return outcome
        try:
            self.put(Path(outcome.name), outcome.result.label)
        except ImageReadError as error:
            return Outcome(outcome.name, error)
        return outcome

    def put(
        self, source: Path, label: str, *, before: Callable[[Path, Path], None] = lambda source, target: None
    ) -> None:
        """Put one image into the folder of a label.

        Args:
            source: The image.
            label: One of the sorter's.
            before: Called with where the image is and where it will be, before anything is done; not where it is there
                already.

        Raises:
            ImageReadError: The image has gone.
            OutputError: It cannot be put there; it is where it was.
        """
        folder = self._folders[label]
        try:
            folder.mkdir(exist_ok=True)
            if source.parent.samefile(folder):
                self.done_count += 1
            elif self._place(source, folder, before):
                self.sorted_count += 1
            else:
                self.done_count += 1
        except OSError as error:
            if not source.exists():
                gone = f"cannot {self.transfer} {str(source)!r}: it has gone since it was classified"
                raise ImageReadError(gone) from error
            raise OutputError(
                f"cannot {self.transfer} {str(source)!r} to {str(folder)!r}: {error.strerror or error}; "
                "fix that and run it again to continue"
            ) from error

    def _place(self, source: Path, folder: Path, before: Callable[[Path, Path], None]) -> bool:
        """Return False if the image is there already."""
        image = source.resolve(strict=True)  # of a link, what it leads to is sorted
        while True:
            target, is_there = self._find_target(image, folder, source.name)
            if self.transfer is Transfer.MOVE or not is_there:
                before(source, target)
            if is_there:
                if self.transfer is Transfer.MOVE:
                    source.unlink()  # killed in the middle of a move, or one of two that are the same
                return False
            try:
                if self.transfer is Transfer.COPY or source.is_symlink():
                    copy_file(image, target)
                else:
                    move_file(source, target)
            except FileExistsError:  # somebody else has just taken the name
                self._taken.pop((folder, source.name), None)
                continue
            if self.transfer is Transfer.MOVE:
                source.unlink(missing_ok=True)
            return True

    def _find_target(self, image: Path, folder: Path, name: str) -> tuple[Path, bool]:
        """Return a free path for the image in the folder and False, or where it is already and True."""
        target = folder / name
        taken = self._taken.get((folder, name))
        if taken is None:
            if not os.path.lexists(target):
                return target, False
            if same_content(image, target):
                return target, True
            taken = self._taken[folder, name] = _Taken(target)
        return taken.find(image)


@dataclass
class _Taken:
    """The images in a folder that have one name or a number after it, by size: thousands may be called 1.jpg."""

    first: Path
    _number: int = 1
    _by_size: dict[int, list[Path]] = field(default_factory=dict)

    def find(self, image: Path) -> tuple[Path, bool]:
        """Return the first free path and False, or that of an image with the same content and True."""
        while os.path.lexists(free := numbered(self.first, self._number)):
            self._by_size.setdefault(free.lstat().st_size, []).append(free)
            self._number += 1
        others = self._by_size.get(image.stat().st_size, ())
        same = next((other for other in others if same_content(image, other)), None)
        return (free, False) if same is None else (same, True)


def _folders_of(root: Path, labels: Sequence[str]) -> dict[str, Path]:
    """Return the folder of every label, those that are there already as they are called."""
    try:
        names = {label: escaped_label(label) for label in labels}
        label_of: dict[str, str] = {}
        for label, name in names.items():
            if (other := label_of.setdefault(name.casefold(), label)) != label:
                raise DatasetError(f"labels {other!r} and {label!r} would be one folder on some systems")
        folders = class_folders(root, names.values())
    except DatasetError as error:
        raise OutputError(f"cannot sort into {str(root)!r}: {error}") from error
    return {label: folders[name] for label, name in names.items()}
