"""What the tab works on: a folder that is taught in, in threads, so that the window never waits for it."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from edgecls.atomic_write import whole_files
from edgecls.desktop.shared.jobs import Jobs
from edgecls.desktop.shared.words import Words
from edgecls.desktop.teach.adding import Adding, Addition
from edgecls.desktop.teach.shown import LABEL, Shown, TaughtImage, exists, images_of
from edgecls.errors import EdgeclsError
from edgecls.teaching.bounds import TeachingBounds, check_packages, files_named
from edgecls.teaching.steps import Step
from edgecls.teaching.teaching import Teaching, is_dataset
from edgecls.teaching.training_process import TrainingProgress

__all__ = ["BOUNDS", "TeachSession"]

BOUNDS = TeachingBounds(max_images=20_000, max_mb=2**15)
"""More than a server takes from whoever may send it requests: here it is the user's own disk."""

RUNNING_MS = 200  # between two looks at a training
QUIET_MS = 5000  # between two looks at the folder, in which somebody else may change something

_Result = TypeVar("_Result")


class TeachSession(QObject):
    """A dataset and its models, without widgets.

    Args:
        words: The language of notices.
        bounds: How much a folder may hold.

    Attributes:
        teaching: The folder; None before one is open.
        state: What `Teaching.state` returned last; empty before a folder is open.
        shown: Which images are listed.
        images: They, the newest first.
        adding: The images that are being added.
        bounds: How much the folder that is opened next may hold.
    """

    noticed = Signal(str, bool)
    """Something the user should read, and whether it is a fault."""

    changed = Signal()
    """The state, the progress, or what is under way changed."""

    listed = Signal()
    """There is a new list of images."""

    opened = Signal()
    """A folder is open."""

    refused = Signal(str)
    """A folder cannot be opened, with the reason."""

    doubted = Signal(str)
    """A folder does not look like one to teach in: it is opened when `open` is called again, with `is_sure`."""

    used = Signal(object)
    """A version was put into use, or an earlier one after an undo: its Version, or None for none."""

    def __init__(self, words: Words, bounds: TeachingBounds = BOUNDS) -> None:
        super().__init__()
        self.words = words
        self.teaching: Teaching | None = None
        self.state: dict[str, Any] = {}
        self.shown = Shown(LABEL)
        self.images: list[TaughtImage] = []
        self.is_opening = False
        self.bounds = bounds
        self._steps, self._control = Jobs("teaching"), Jobs("teaching-control")
        self._busy = 0
        self.adding = Adding(self._steps, lambda: self.words, self._on_added, self._on_all_added)
        self._poll, self._look = QTimer(self), QTimer(self)
        self._poll.timeout.connect(self._on_poll)
        self._poll.setInterval(RUNNING_MS)
        self._look.timeout.connect(self._on_look)
        self._look.setInterval(QUIET_MS)

    # The folder

    def open(self, root: str, *, is_sure: bool = False) -> None:
        """Open a folder in place of the one before, which stays open if it cannot be.

        Args:
            root: The folder.
            is_sure: Whether to open it even if it is neither empty nor a dataset.
        """
        root = os.path.abspath(root)
        if self.is_opening or (self.teaching is not None and str(self.teaching.root) == root):
            return
        self.is_opening = True
        self.adding.stop()
        before = self.teaching

        def work() -> tuple[Teaching, dict[str, Any]] | None:
            check_packages()
            if not is_sure and not is_dataset(Path(root)):
                return None
            teaching = Teaching(Path(root), self.bounds)
            if before is not None:
                before.close()
            return teaching, teaching.state()

        def show(result: tuple[Teaching, dict[str, Any]] | None) -> None:
            self.is_opening = False
            if result is None:
                self.changed.emit()
                self.doubted.emit(root)
                return
            self.teaching, self.state = result
            self.shown, self.images = Shown(LABEL), []
            self._take(self.state)
            self.opened.emit()
            self.do(lambda teaching: None)

        def refuse(error: Exception) -> None:
            self.is_opening = False
            self.refused.emit(self.words.fault(error))
            self.changed.emit()

        self._run(self._steps, work, show, refuse)
        self.changed.emit()

    @property
    def labels(self) -> list[str]:
        """The labels, in their order."""
        return [entry["label"] for entry in self.state.get("labels", ())]

    @property
    def progress(self) -> TrainingProgress:
        """How far a training is."""
        return TrainingProgress() if self.teaching is None else self.teaching.progress

    @property
    def is_busy(self) -> bool:
        """True while a step is under way."""
        return self._busy > 0

    def watch(self, is_wanted: bool) -> None:
        """Look at the folder now and then, as long as the tab is in front."""
        if is_wanted:
            self._look.start()
            self._on_look()
        else:
            self._look.stop()

    # Steps

    def show(self, shown: Shown) -> None:
        """List other images."""
        if shown != self.shown:
            self.shown = shown
            self.do(lambda teaching: None)

    def do(self, work: Callable[[Teaching], _Result], then: Callable[[_Result], object] | None = None) -> None:
        """Do a step in the thread; then show how things are.

        Args:
            work: The step.
            then: Called with what it returned, in the window's thread, after `changed`.
        """
        self._do(self._steps, work, then)

    def add(self, additions: Sequence[Addition], *, batch: str = "") -> None:
        """Add images, files or all that folders have; those of the same batch are undone together."""
        if self.teaching is not None and additions:
            self.adding.put(self.teaching, additions, batch or os.urandom(8).hex())
            self.changed.emit()

    def rename_label(self, label: str, new: str) -> None:
        """Give a label another name, also for what is being added to it, and show it."""

        def work(teaching: Teaching) -> str:
            made = teaching.rename_label(label, new)
            self.adding.rename(label, made)
            return made

        self.do(work, lambda made: self.show(Shown(LABEL, made)))

    def remove_label(self, label: str) -> None:
        """Take a label out with its images; what is being added to it is added no longer."""

        def work(teaching: Teaching) -> None:
            teaching.remove_label(label)
            self.adding.leave_out(label)

        self.do(work)

    def undo(self) -> None:
        """Undo the last step; images that are being added are added no longer."""
        self.adding.stop()

        def tell(step: Step) -> None:
            if step.kind == "use" and self.teaching is not None:
                self.used.emit(self.teaching.in_use)

        self.do(lambda teaching: teaching.undo(), tell)

    def train(self) -> None:
        """Start a training."""
        self.do(lambda teaching: teaching.train(), lambda _: self._poll.start())

    def cancel_training(self) -> None:
        """End a training."""
        self._do(self._control, lambda teaching: teaching.cancel_training(), None)

    def save_model(self, number: int, path: str) -> None:
        """Write a version of the model to a file."""

        def work(teaching: Teaching) -> None:
            with whole_files(path) as (temporary,):
                temporary.write_bytes(teaching.version(number).model.read_bytes())

        self._save(work, path)

    def save_dataset(self, path: str) -> None:
        """Write all images to a ZIP file."""

        def work(teaching: Teaching) -> None:
            with whole_files(path) as (temporary,), open(temporary, "wb") as stream:
                stream.writelines(teaching.zipped())

        self._save(work, path)

    def run(
        self, jobs: Jobs, work: Callable[[Teaching], _Result], then: Callable[[_Result], object], failed: Any
    ) -> None:
        """Do something with the folder in other threads; `failed` gets the exception."""
        if (teaching := self.teaching) is not None:
            self._run(jobs, lambda: work(teaching), then, failed)

    def fail(self, error: Exception) -> None:
        """Say that something was not possible."""
        self.noticed.emit(self.words.fault(error), True)

    def close(self) -> None:
        """End the threads and a training, and let go of the folder."""
        self._poll.stop()
        self._look.stop()
        self.adding.stop()
        self._control.close()
        self._steps.close()
        if self.teaching is not None:
            self.teaching.close()

    def _save(self, work: Callable[[Teaching], None], path: str) -> None:
        self._do(self._control, work, lambda _: self.noticed.emit(self.words("notice.exported", path=path), False))

    def _do(self, jobs: Jobs, work: Callable[[Teaching], _Result], then: Callable[[_Result], object] | None) -> None:
        teaching = self.teaching
        if teaching is None:
            return
        self._busy += 1

        def step() -> tuple[_Result, dict[str, Any], Shown, list[TaughtImage]]:
            with files_named():
                result = work(teaching)
                state = teaching.state()
                shown = exists(self.shown, state)
                return result, state, shown, images_of(teaching, state, shown)

        def show(found: tuple[_Result, dict[str, Any], Shown, list[TaughtImage]]) -> None:
            result, state, shown, images = found
            self._busy -= 1
            if teaching is self.teaching:
                if exists(self.shown, state) == shown:  # or else another list is on its way
                    self.shown = shown
                    self._list(images)
                self._take(state)
                if then is not None:
                    then(result)

        def fail(error: Exception) -> None:
            self._busy -= 1
            self.fail(error)
            self.changed.emit()

        self._run(jobs, step, show, fail)

    def _run(
        self,
        jobs: Jobs,
        work: Callable[[], _Result],
        then: Callable[[_Result], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Run something in a thread, with its error in place of the error's text."""

        def tried() -> tuple[_Result | None, Exception | None]:
            try:
                return work(), None
            except (EdgeclsError, OSError) as error:
                return None, error

        def hand_over(outcome: Any) -> None:
            result, error = outcome
            if error is None:
                then(result)
            else:
                failed(error)

        jobs.run(tried, then=hand_over, failed=lambda message: None)

    # What comes back

    def _take(self, state: dict[str, Any]) -> None:
        self.state = state
        if state["training"]["state"] == "running" and not self._poll.isActive():
            self._poll.start()
        self.changed.emit()

    def _list(self, images: list[TaughtImage]) -> None:
        if images != self.images:
            self.images = images
            self.listed.emit()

    def _on_poll(self) -> None:
        if self.progress.state != "running":
            self._poll.stop()
            self.do(lambda teaching: None)
        self.changed.emit()

    def _on_look(self) -> None:
        if self.teaching is not None and not self.is_busy and not self.adding.is_busy:
            self.do(lambda teaching: None)

    def _on_added(self) -> None:
        self.do(lambda teaching: None)

    def _on_all_added(self, text: str, is_fault: bool) -> None:
        self.noticed.emit(text, is_fault)
        self.do(lambda teaching: None)
