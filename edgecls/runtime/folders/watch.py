"""Watching folders: classifying images as they arrive, once they are complete.

Folders are polled, which works on every file system, including mounted ones. A file is tried once it has not changed
between two scans. If it cannot be read, a slow program may still be writing it, so it counts as faulty only after it
has stayed the same for some time.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgecls.errors import ImageError
from edgecls.image_files import image_names
from edgecls.runtime.many_images import classify_stream, file_source
from edgecls.runtime.prediction import Outcome

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["PATIENCE_S", "Arrivals", "Stamp", "watch"]

PATIENCE_S = 5.0  # how long a file that cannot be read must stay as it is


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written or replaced: its size in bytes, its time of change in nanoseconds, and its
    number in the file system, 0 where that is not asked for."""

    size: int
    modified_ns: int
    file_number: int = 0


@dataclass(frozen=True)
class _Seen:
    stamp: Stamp
    since_s: float
    is_settled: bool = False


class Arrivals:
    """Decides which files have arrived and are complete, scan by scan. It uses neither disk nor clock.

    Args:
        patience_s: How long a file that cannot be read must stay as it is to be given up.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._seen: dict[str, _Seen] = {}

    def look(self, stamps: Mapping[str, Stamp], *, now_s: float) -> list[str]:
        """Record what is there, and return the files to try now: not settled, and unchanged since the last scan.

        A file that changes later arrives again, and so does one that comes back.
        """
        before, self._seen = self._seen, {}
        unchanged = []
        for name, stamp in stamps.items():
            seen = before.get(name)
            if seen is None or seen.stamp != stamp:
                seen = _Seen(stamp, now_s)
            elif not seen.is_settled:
                unchanged.append(name)
            self._seen[name] = seen
        return unchanged

    def is_given_up(self, name: str, *, now_s: float) -> bool:
        """True if a file that cannot be read has stayed as it is for so long that it is not being written."""
        return now_s - self._seen[name].since_s >= self._patience_s

    def settle(self, name: str) -> None:
        """Take a file as dealt with, until it changes."""
        self._seen[name] = replace(self._seen[name], is_settled=True)


def watch(
    classifier: "Classifier",
    folders: Sequence[Path],
    *,
    workers: int,
    interval_s: float,
    passing_over: Collection[str] = (),
    illustrator: "Illustrator | None" = None,
    is_done: Callable[[str], bool] = lambda name: False,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Outcome]:
    """Classify the images in folders and those that arrive in them, forever.

    Args:
        classifier: The opened model.
        folders: Including subfolders; a missing one is looked for again.
        workers: How many images to work on at once, at least 1.
        interval_s: Seconds between two scans.
        passing_over: Folders within them that are left out, by their real paths.
        illustrator: Makes drawings of the answers; None for none.
        is_done: Whether an image that is there at the beginning is left out, until it changes.
        clock: Tells the time in seconds.
        wait: Waits for so many seconds.
    """
    arrivals = Arrivals(patience_s=max(PATIENCE_S, 2 * interval_s))
    there = _stamps(folders, passing_over)
    arrivals.look(there, now_s=clock())
    for name in filter(is_done, there):
        arrivals.settle(name)
    while True:
        wait(interval_s)
        unchanged = arrivals.look(_stamps(folders, passing_over), now_s=clock())
        sources = map(file_source, unchanged)
        for outcome in classify_stream(classifier, sources, workers=workers, illustrator=illustrator):
            if isinstance(outcome.result, ImageError) and not arrivals.is_given_up(outcome.name, now_s=clock()):
                continue
            arrivals.settle(outcome.name)
            yield outcome


def _stamps(folders: Sequence[Path], passing_over: Collection[str]) -> dict[str, Stamp]:
    stamps = {}
    for folder in folders:
        for name in image_names(folder, passing_over=passing_over):
            try:
                status = os.stat(name)
            except OSError:  # gone since the folder was listed, or a link to nowhere
                continue
            stamps[name] = Stamp(status.st_size, status.st_mtime_ns)
    return stamps
