"""Writing the answers and corrections of the window to a table, or as keywords beside the images."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edgecls.atomic_write import whole_files
from edgecls.desktop.shared.entries import Entry
from edgecls.errors import ImageError, OutputError
from edgecls.model_card import UNKNOWN
from edgecls.xmp import add_keywords

__all__ = ["write_csv", "write_keywords"]

COLUMNS = ("image", "label", "corrected", "predicted", "known", "probability", "familiarity", "reason", "error")


def write_csv(path: Path, entries: Iterable[Entry]) -> None:
    """Write a line for each image: its label, whether the user set it, and what the model answered.

    The file appears whole or not at all. It begins with a byte order mark, from which spreadsheets know that it is
    UTF-8.

    Raises:
        OutputError: It cannot be written.
    """
    with whole_files(path) as (temporary,), open(temporary, "w", encoding="utf-8-sig", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        for entry in entries:
            rows.writerow(_cells(entry))


def _cells(entry: Entry) -> Sequence[str]:
    label, corrected = entry.label or "", "true" if entry.correction is not None else "false"
    answer = entry.answer
    if answer is None:
        return entry.path, label, corrected, "", "", "", "", "", entry.fault or ""
    familiarity = "" if answer.familiarity is None else f"{answer.familiarity:.6f}"
    known = "true" if answer.reason is None else "false"
    best = answer.best
    return (
        entry.path,
        label,
        corrected,
        best.label,
        known,
        f"{best.probability:.6f}",
        familiarity,
        answer.reason or "",
        "",
    )


def write_keywords(entries: Sequence[Entry], *, on_progress: Callable[[int], bool]) -> tuple[int, list[str]]:
    """Add the label of each image to its XMP sidecar; images of no known label are passed over.

    Args:
        entries: The images.
        on_progress: Called with the number of images that are done; returns False to stop.

    Returns:
        How many images have their label in a sidecar now, and why others have not.
    """
    written, faults = 0, []
    for done, entry in enumerate(entries, 1):
        label = entry.label
        if label is not None and label != UNKNOWN:
            try:
                add_keywords(entry.path, [label])
                written += 1
            except (ImageError, OutputError) as error:
                faults.append(str(error))
        if not on_progress(done):
            break
    return written, faults
