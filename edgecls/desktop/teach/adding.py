"""Adding many images to the folder, a few at a time, so that other steps do not wait for all of them."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from edgecls.desktop.shared.jobs import Jobs
from edgecls.desktop.shared.words import Words
from edgecls.errors import EdgeclsError
from edgecls.image import read_file
from edgecls.runtime.many_images import find_names
from edgecls.teaching.bounds import TeachingFullError, TeachingLimitError, files_named
from edgecls.teaching.teaching import Teaching

__all__ = ["Adding", "Addition"]

CHUNK_S = 0.1  # for which other steps wait
SHOWN_EVERY_S = 1.0  # what has come by then is shown


class Addition(NamedTuple):
    """A file, or a folder with all images in it, for a label.

    Attributes:
        path: Where it is.
        label: The label.
        predicted: What a model said of it, and how probable it found that; None where that is not known.
    """

    path: str
    label: str
    predicted: tuple[str, float] | None = None


@dataclass
class _Batch:
    """Images that are undone together, and what has become of them."""

    teaching: Teaching
    number: str
    waiting: deque[Addition]
    label: str
    added: int = 0
    known: int = 0
    moved: int = 0
    moved_from: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    is_stopped: bool = False
    is_found: bool = False


class Adding:
    """Adds images one batch after another.

    Args:
        jobs: The thread.
        words: Returns the language.
        on_progress: Called about once a second while something is added.
        on_end: Called when a batch has ended, with what has become of it, and whether something went wrong.
    """

    def __init__(
        self,
        jobs: Jobs,
        words: Callable[[], Words],
        on_progress: Callable[[], object],
        on_end: Callable[[str, bool], object],
    ) -> None:
        self._jobs, self._words, self._on_progress, self._on_end = jobs, words, on_progress, on_end
        self._batches: deque[_Batch] = deque()
        self._shown_s = 0.0

    @property
    def is_busy(self) -> bool:
        """True while images are being added."""
        return bool(self._batches)

    @property
    def left(self) -> int:
        """How many images, or folders that were not looked into yet, are left."""
        return sum(len(batch.waiting) for batch in self._batches)

    def put(self, teaching: Teaching, additions: Sequence[Addition], number: str) -> None:
        """Add images after those that wait already."""
        self._batches.append(_Batch(teaching, number, deque(additions), additions[0].label))
        if len(self._batches) == 1:
            self._shown_s = time.monotonic()
            self._go_on()

    def stop(self) -> None:
        """Add no more; what was added stays."""
        for batch in self._batches:
            batch.is_stopped = True

    def leave_out(self, label: str) -> None:
        """Add no more to a label; called in the thread."""
        for batch in tuple(self._batches):  # others come meanwhile
            batch.waiting = deque(addition for addition in batch.waiting if addition.label != label)

    def rename(self, label: str, new: str) -> None:
        """Add what waits for a label to it under its new name; called in the thread."""
        for batch in tuple(self._batches):
            batch.waiting = deque(
                addition._replace(label=new) if addition.label == label else addition for addition in batch.waiting
            )
            batch.label = new if batch.label == label else batch.label

    def _go_on(self) -> None:
        batch = self._batches[0]

        def show(_: None) -> None:
            if batch.waiting and not batch.is_stopped:
                if time.monotonic() - self._shown_s > SHOWN_EVERY_S:
                    self._shown_s = time.monotonic()
                    self._on_progress()
                self._go_on()
                return
            self._batches.popleft()
            self._on_end(self._told(batch), bool(batch.faults))
            if self._batches:
                self._go_on()

        self._jobs.run(lambda: _add_some(batch), then=show, failed=lambda message: None)

    def _told(self, batch: _Batch) -> str:
        words = self._words()
        parts = [words("teach.added", count=batch.added, label=batch.label)]
        if batch.known:
            parts.append(words("teach.known", count=batch.known))
        if batch.moved:
            labels = words("comma").join(sorted(batch.moved_from))
            parts.append(words("teach.moved", count=batch.moved, labels=labels))
        if batch.faults:
            parts.append(words("notice.faults", count=len(batch.faults), first=batch.faults[0]))
        return " · ".join(parts)


def _add_some(batch: _Batch) -> None:
    """Add what can be added in a moment."""
    begun_s = time.monotonic()
    if not batch.is_found:
        batch.is_found = True
        batch.waiting = deque(_each_image(batch.waiting, batch.faults))
    while batch.waiting and not batch.is_stopped and time.monotonic() - begun_s < CHUNK_S:
        _add(batch, batch.waiting.popleft())


def _each_image(additions: Iterable[Addition], faults: list[str]) -> Iterable[Addition]:
    for addition in additions:
        if not os.path.isdir(addition.path):
            yield addition
            continue
        found = [path for path in find_names([addition.path]) if not os.path.isdir(path)]
        if not found:
            faults.append(addition.path)
        for path in found:
            yield addition._replace(path=path)


def _add(batch: _Batch, addition: Addition) -> None:
    name = os.path.basename(addition.path)
    teaching, label = batch.teaching, addition.label
    try:
        with files_named():
            data = read_file(addition.path)
            if addition.predicted is None:
                added = teaching.add_image(data, label, name=name, batch=batch.number)
            else:
                predicted, probability = addition.predicted
                added = teaching.correct(
                    data, label, name=name, predicted=predicted, probability=probability, batch=batch.number
                )
    except EdgeclsError as error:
        batch.faults.append(f"{name}: {error}")
        if isinstance(error, TeachingFullError | TeachingLimitError):  # of the others, none would be taken either
            batch.faults += [addition.path for addition in batch.waiting]
            batch.waiting.clear()
        return
    batch.added += added.before is None
    batch.known += added.before == added.label
    if added.before not in (None, added.label):
        batch.moved += 1
        batch.moved_from.add(str(added.before))
