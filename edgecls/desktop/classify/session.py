"""What a window works on: images, answers, decisions, and the work on files that takes long."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from edgecls.desktop.classify.decisions import Action, Decisions, LabelsSet, Sorting
from edgecls.desktop.classify.exporting import write_csv, write_keywords
from edgecls.desktop.classify.image_list import ImageList
from edgecls.desktop.classify.recogniser import Recogniser
from edgecls.desktop.classify.sorting import do_again, sort_images, take_back
from edgecls.desktop.shared.entries import Answer, Entry
from edgecls.desktop.shared.jobs import Jobs
from edgecls.desktop.shared.words import Words
from edgecls.errors import OutputError
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.folders.sort_into import Transfer
from edgecls.runtime.many_images import find_names

__all__ = ["Session"]


class Session(QObject):
    """The work of a window, without its widgets.

    Args:
        decisions: What was decided, in the journal.
        words: The language of notices.

    Attributes:
        images: All images.
        recogniser: The model.
        decisions: What was decided.
        starts_at_once: Whether images are recognised as soon as they are added.
        working: What is being done with files, in words; empty for nothing.
    """

    noticed = Signal(str, bool)
    """Something the user should read, and whether it is a fault."""

    changed = Signal()
    """Progress, the model, or what can be undone changed."""

    labelled = Signal(object)
    """The labels of images were set, changed back or taken away: their paths."""

    _progress = Signal(int)

    def __init__(self, decisions: Decisions, words: Words) -> None:
        super().__init__()
        self.words = words
        self.decisions = decisions
        self.images = ImageList(words, self)
        self.recogniser = Recogniser()
        self.starts_at_once = True
        self.working = ""
        self.done_files = 0
        self._files = Jobs("files")
        self._finder = Jobs("finder")
        self._is_closed = False
        self._is_held_back = False
        self._queue_total = self._queue_done = 0
        self._begun_s = self._last_s = 0.0
        self.recogniser.opened.connect(self._on_opened)
        self.recogniser.failed.connect(self._on_failed)
        self.recogniser.answered.connect(self._on_answers)
        self.recogniser.idle.connect(self.changed)
        self._progress.connect(self._on_progress, Qt.ConnectionType.QueuedConnection)

    # Images and answers

    @property
    def is_working(self) -> bool:
        """True while images are recognised or files worked on."""
        return self.recogniser.is_busy or bool(self.working)

    @property
    def progress(self) -> tuple[int, int]:
        """Images that are done, and all, of the run that goes on or went last."""
        return self._queue_done, self._queue_total

    @property
    def rate(self) -> float:
        """Images per second of the run that goes on or went last; 0 if there was none."""
        elapsed_s = self._last_s - self._begun_s
        return self._queue_done / elapsed_s if elapsed_s > 0 else 0.0

    @property
    def waiting(self) -> list[Entry]:
        """Images that the model has not answered."""
        return [entry for entry in self.images.entries if not entry.is_done]

    def open_model(self, path: Path, provider: Provider) -> None:
        """Open a model file; all images are recognised anew if any were before."""
        self.recogniser.open_model(path, provider)
        self.changed.emit()

    def add_paths(self, paths: Sequence[str], *, is_remembered: bool = True, is_held_back: bool = False) -> None:
        """Add files and folders.

        Args:
            paths: Files are taken whatever their suffix, folders with all images below them.
            is_remembered: Whether they are there again after a crash.
            is_held_back: Whether they wait for the user to have them recognised, whatever `starts_at_once` says.
        """
        absolute = [os.path.abspath(path) for path in paths]
        if is_remembered:
            self._write(lambda: self.decisions.opened(absolute))

        def find() -> list[str]:
            return find_names(absolute)

        def add(found: list[str]) -> None:
            empty = [path for path in found if os.path.isdir(path)]
            for path in empty:
                self.noticed.emit(self.words("notice.no_images", path=path), True)
            label_of = self.decisions.label_of
            self.images.add(Entry(path, label_of(path)) for path in found if path not in empty)
            self._is_held_back = is_held_back
            if self.starts_at_once and not self._is_held_back:
                self.recognise()
            self.changed.emit()

        self._finder.run(find, then=add, failed=self._fail)

    def recognise(self) -> None:
        """Classify the images that have no answer."""
        if self.recogniser.classifier is None or self.recogniser.is_loading:
            return
        if self.recogniser.is_busy:
            self.recogniser.stop()  # and on with all, in their order
        else:
            self._queue_done, self._begun_s = 0, time.monotonic()
        waiting = self.waiting
        self._queue_total = self._queue_done + len(waiting)
        self.recogniser.classify(waiting)
        self.changed.emit()

    def stop(self) -> None:
        """Stop recognising; answers that are there stay."""
        self.recogniser.stop()
        self.changed.emit()

    def clear(self) -> None:
        """Take all images off the window."""
        self.recogniser.stop()
        self._write(self.decisions.cleared)
        self._write(self.decisions.saved)
        self.images.clear()
        self._queue_total = self._queue_done = 0
        self.changed.emit()

    # Decisions

    def set_label(self, entries: Sequence[Entry], label: str | None) -> None:
        """Set the label of images, or with None take it away. It is on the disk before the window shows it."""
        changed = [entry.path for entry in entries if entry.correction != label]
        if not changed or self._is_refused():
            return
        if self._write(lambda: self.decisions.set_label(changed, label)):
            self._show_labels(changed)

    def undo(self) -> None:
        """Undo the last decision."""
        self._turn(self.decisions.next_undo, self.decisions.undone, take_back, "working.undo", "notice.undone")

    def redo(self) -> None:
        """Do again what was undone last."""
        self._turn(self.decisions.next_redo, self.decisions.redone, do_again, "working.redo", "notice.redone")

    def _turn(
        self,
        action: Action | None,
        record: Callable[[], None],
        work: Callable[..., list[str]],
        working: str,
        notice: str,
    ) -> None:
        if action is None or self._is_refused():
            return
        if isinstance(action, LabelsSet):
            if self._write(record):
                self._show_labels(action.images)
            return
        is_undo = record == self.decisions.undone
        sorting: Sorting = action

        def turn() -> list[str]:
            return work(sorting, on_progress=self._report)

        def show(faults: list[str]) -> None:
            self._write(record)
            self._show_moves(sorting, back=is_undo)
            self._tell_faults(faults, self.words(notice))

        self._run_on_files(turn, show, working)

    # Files

    def sort_into(self, root: str, entries: Sequence[Entry], *, transfer: Transfer) -> None:
        """Move or copy images into folders named by their labels; those without one stay."""
        labelled = [(entry.path, entry.label) for entry in entries if entry.label is not None]
        images = [(path, label) for path, label in labelled if label is not None]
        if self._is_refused():
            return
        if not images:
            self.noticed.emit(self.words("notice.nothing_to_sort"), True)
            return

        def sort() -> list[str]:
            return sort_images(self.decisions, images, Path(root), transfer=transfer, on_progress=self._report)

        def show(faults: list[str]) -> None:
            sorting = self.decisions.next_undo
            if isinstance(sorting, Sorting):
                self._show_moves(sorting, back=False)
            self._tell_faults(faults, self.words("notice.sorted", count=len(images) - len(faults), path=root))

        self._run_on_files(sort, show, "working.sort")

    def export_csv(self, path: str) -> None:
        """Write the answers and corrections of all images to a table."""
        entries = list(self.images.entries)

        def show(_: None) -> None:
            self._write(self.decisions.saved)
            self.noticed.emit(self.words("notice.exported", path=path), False)

        self._run_on_files(lambda: write_csv(Path(path), entries), show, "working.keywords")

    def export_keywords(self) -> None:
        """Write the labels of all images into XMP files beside them."""
        entries = list(self.images.entries)

        def show(result: tuple[int, list[str]]) -> None:
            written, faults = result
            if not faults:
                self._write(self.decisions.saved)
            self._tell_faults(faults, self.words("notice.keywords", count=written))

        self._run_on_files(lambda: write_keywords(entries, on_progress=self._report), show, "working.keywords")

    def close(self) -> None:
        """End all threads and close the journal."""
        self._is_closed = True
        self.recogniser.close()
        self._finder.close()
        self._files.close()
        self.decisions.close(is_finished=not self.working)

    def _run_on_files(self, work: Callable[[], Any], show: Callable[[Any], None], working: str) -> None:
        if self._is_refused():
            return
        self.working, self.done_files = self.words(working), 0
        self.changed.emit()

        def finish(result: Any) -> None:
            self.working = ""
            show(result)
            self.changed.emit()

        def fail(message: str) -> None:
            self.working = ""
            sorting = self.decisions.next_undo
            if isinstance(sorting, Sorting):  # what was done before it failed
                self._show_moves(sorting, back=False)
            self._fail(message)
            self.changed.emit()

        self._files.run(work, then=finish, failed=fail)

    def _report(self, done: int) -> bool:
        if not self._is_closed:
            self._progress.emit(done)
        return not self._is_closed

    def _on_progress(self, done: int) -> None:
        self.done_files = done
        self.changed.emit()

    def _is_refused(self) -> bool:
        """Say that files are being worked on, if so."""
        if self.working:
            self.noticed.emit(self.words("notice.busy"), True)
        return bool(self.working)

    def _show_labels(self, paths: Sequence[str]) -> None:
        labels = self.decisions.labels
        self.images.take_corrections({path: labels.get(path) for path in paths})
        self.labelled.emit(list(paths))
        self.changed.emit()

    def _show_moves(self, sorting: Sorting, *, back: bool) -> None:
        if not sorting.moves:
            return
        pairs = [(placement.source, placement.target) for placement in sorting.placements]
        moves = [(target, source) for source, target in pairs] if back else pairs
        self.images.take_moves((old, new) for old, new in moves if os.path.lexists(new) and not os.path.lexists(old))
        self.labelled.emit([new for _, new in moves])

    def _tell_faults(self, faults: list[str], otherwise: str) -> None:
        if faults:
            self.noticed.emit(self.words("notice.faults", count=len(faults), first=faults[0]), True)
        else:
            self.noticed.emit(otherwise, False)

    def _write(self, record: Callable[[], None]) -> bool:
        """Write a decision; False, and said so, if the disk is full."""
        try:
            record()
        except (OutputError, OSError) as error:
            self._fail(str(error))
            return False
        return True

    def _fail(self, message: str) -> None:
        self.noticed.emit(self.words("notice.fault", message=message), True)

    # The model

    def _on_opened(self, classifier: Classifier) -> None:
        had_answers = any(entry.is_done for entry in self.images.entries)
        self.images.forget_answers()
        if classifier.skipped:
            reasons = ". ".join(map(str, classifier.skipped))
            self.noticed.emit(self.words("notice.fallback", provider=classifier.provider, reasons=reasons), False)
        if had_answers or (self.starts_at_once and not self._is_held_back):
            self.recognise()
        self.changed.emit()

    def _on_failed(self, message: str) -> None:
        self.noticed.emit(self.words("notice.model", message=message), True)
        self.changed.emit()

    def _on_answers(self, answers: list[tuple[Entry, Answer | str]]) -> None:
        self.images.take_answers(answers)
        self._queue_done += len(answers)
        self._last_s = time.monotonic()
        self.changed.emit()
