"""Sorting the images of the window into folders by their labels, so that it can be undone."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from edgecls.desktop.classify.decisions import Decisions, Placement, Sorting
from edgecls.errors import ImageReadError, OutputError
from edgecls.file_moves import copy_file, move_file, same_content
from edgecls.runtime.folders.sort_into import Sorter, Transfer

__all__ = ["do_again", "sort_images", "take_back"]

OnProgress = Callable[[int], bool]
"""Called with the number of files that are done; returns False to stop."""


def sort_images(
    decisions: Decisions, images: Sequence[tuple[str, str]], root: Path, *, transfer: Transfer, on_progress: OnProgress
) -> list[str]:
    """Move or copy images into folders named by their labels.

    Args:
        decisions: Learn of every file before it is moved or copied.
        images: The path and the label of each.
        root: The folder of the folders; made if need be.
        transfer: Whether images are copied or moved.
        on_progress: Called after each image.

    Returns:
        Why images are still where they were.

    Raises:
        OutputError: The folders cannot be made, or nothing can be written there; what was done stays done.
    """
    sorter = Sorter(root, tuple(dict.fromkeys(label for _, label in images)), transfer=transfer)
    decisions.begin_sorting(str(root), str(transfer))
    faults = []
    for done, (path, label) in enumerate(images, 1):
        try:
            sorter.put(Path(path), label, before=decisions.place)
        except ImageReadError as error:
            faults.append(str(error))
        if not on_progress(done):
            break
    decisions.saved()
    return faults


def take_back(sorting: Sorting, *, on_progress: OnProgress) -> list[str]:
    """Put sorted files back to where they were, or remove the copies. Files that changed since stay where they are.

    Returns:
        Why files were not put back.
    """
    return _each(sorting, _moved_back if sorting.moves else _copy_removed, reversed(sorting.placements), on_progress)


def do_again(sorting: Sorting, *, on_progress: OnProgress) -> list[str]:
    """Move or copy files again after `take_back`.

    Returns:
        Why files are still where they were.
    """
    return _each(sorting, _moved if sorting.moves else _copied, iter(sorting.placements), on_progress)


def _each(
    sorting: Sorting,
    transfer: Callable[[Path, Path, Placement], None],
    placements: Iterator[Placement],
    on_progress: OnProgress,
) -> list[str]:
    faults = []
    for done, placement in enumerate(placements, 1):
        source, target = Path(placement.source), Path(placement.target)
        try:
            transfer(source, target, placement)
        except (OSError, OutputError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            faults.append(f"cannot {sorting.transfer} {placement.source!r}: {reason}")
        on_progress(done)
    return faults


def _moved_back(source: Path, target: Path, placement: Placement) -> None:
    if os.path.lexists(source):
        if not os.path.lexists(target):
            return  # it was never moved, or is back already
        if not same_content(source.resolve(), target):
            raise FileExistsError(None, "another file has taken its name")
        if not placement.was_there:
            target.unlink()  # killed in the middle of a move
        return
    source.parent.mkdir(parents=True, exist_ok=True)
    if placement.link is not None:
        os.symlink(placement.link, source)
        if not placement.was_there:
            target.unlink()
    elif placement.was_there:
        copy_file(target, source)
    else:
        move_file(target, source)


def _copy_removed(source: Path, target: Path, placement: Placement) -> None:
    if not os.path.lexists(target):
        return
    if not same_content(source.resolve(), target):
        raise OutputError("its copy was changed, and stays")
    target.unlink()


def _moved(source: Path, target: Path, placement: Placement) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target) and same_content(source.resolve(), target):
        source.unlink()
    elif placement.link is None:
        move_file(source, target)
    else:
        copy_file(source.resolve(), target)
        source.unlink()


def _copied(source: Path, target: Path, placement: Placement) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_file(source.resolve(), target)
