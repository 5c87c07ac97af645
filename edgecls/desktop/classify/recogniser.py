"""The model in the window: opened and run in a thread, so that the window never waits for it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

from PySide6.QtCore import QObject, Qt, Signal

from edgecls.desktop.shared.entries import Answer, Entry
from edgecls.errors import EdgeclsError
from edgecls.modelfile import read_model
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.many_images import Source, classify_stream, file_source
from edgecls.runtime.opening import open_classifier
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.verified import verify_once

__all__ = ["Recogniser", "open_verified"]

SHOWN_EVERY_S = 0.1  # answers go to the window in batches: it would be busy with them otherwise
CLOSING_S = 10.0  # for the images under way when the window closes


def open_verified(path: Path, provider: Provider) -> Classifier:
    """Open a model file whose golden samples come out right here.

    Raises:
        EdgeclsError: It cannot be used.
    """
    model = read_model(path)
    classifier = open_classifier(model, provider, setting=None)
    verify_once(model, classifier)
    return classifier


class Recogniser(QObject):
    """Opens models and classifies images with the last one that was opened.

    Attributes:
        classifier: The model; None before one is open.
    """

    opened = Signal(object)
    """A model is open: the classifier."""

    failed = Signal(str)
    """A model cannot be opened, or failed while running; the one before stays. With the message."""

    answered = Signal(object)
    """Some images are done: a list of pairs of the entry and its Answer or the message of its fault."""

    idle = Signal()
    """No image is under way or waits."""

    _batch = Signal(int, object)
    _opened_one = Signal(int, object)
    _fault = Signal(int, str)
    _rest = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.classifier: Classifier | None = None
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._pending: deque[Entry] = deque()
        self._generation = 0  # of models, and of lists of images: what belongs to an earlier one is not shown
        self._busy = 0
        self._is_loading = False
        for signal, slot in (
            (self._batch, self._on_batch),
            (self._opened_one, self._on_opened),
            (self._fault, self._on_fault),
            (self._rest, self._on_rest),
        ):
            signal.connect(slot, Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._work, name="edgecls-recogniser", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True while images are under way or wait."""
        return self._busy > 0

    @property
    def is_loading(self) -> bool:
        """True while a model is being opened."""
        return self._is_loading

    def open_model(self, path: Path, provider: Provider) -> None:
        """Open a model file; images that wait are left to the caller, who hears `opened` or `failed`."""
        self.stop()
        self._is_loading = True
        generation = self._generation

        def open_it() -> None:
            try:
                classifier = open_verified(path, provider)
            except EdgeclsError as error:
                self._fault.emit(generation, str(error))
            else:
                self._opened_one.emit(generation, classifier)

        self._tasks.put(open_it)

    def classify(self, entries: Sequence[Entry]) -> None:
        """Classify images after those that wait already."""
        if not entries:
            return
        self._pending.extend(entries)
        self._busy += 1
        generation = self._generation
        self._tasks.put(lambda: self._classify(generation))

    def stop(self) -> None:
        """Forget the images that wait; what is under way comes to nothing."""
        self._generation += 1
        self._pending.clear()
        self._busy = 0

    def close(self) -> None:
        """End the thread."""
        self.stop()
        self._tasks.put(None)
        self._thread.join(CLOSING_S)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            del task

    def _classify(self, generation: int) -> None:
        """Classify what waits, in this thread and those of `classify_stream`."""
        classifier = self.classifier
        begun: deque[Entry] = deque()

        def sources() -> Iterator[Source]:
            while self._generation == generation and self._pending:
                try:
                    entry = self._pending.popleft()
                except IndexError:  # the window has stopped it this moment
                    return
                if self._generation != generation:  # it may be one of those that were added since
                    self._pending.appendleft(entry)
                    return
                begun.append(entry)
                yield file_source(entry.path)

        if classifier is not None:
            batch: list[tuple[Entry, Answer | str]] = []
            sent_s = time.monotonic()
            try:
                for outcome in classify_stream(classifier, sources(), workers=classifier.workers):
                    entry, result = begun.popleft(), outcome.result
                    batch.append((entry, Answer.of(result) if isinstance(result, Prediction) else str(result)))
                    if time.monotonic() - sent_s >= SHOWN_EVERY_S:
                        self._batch.emit(generation, batch)
                        batch, sent_s = [], time.monotonic()
            except EdgeclsError as error:
                self._fault.emit(generation, str(error))
            self._batch.emit(generation, batch)
        self._rest.emit(generation)

    def _on_batch(self, generation: int, batch: list[tuple[Entry, Answer | str]]) -> None:
        if generation == self._generation and batch:
            self.answered.emit(batch)

    def _on_opened(self, generation: int, classifier: Classifier) -> None:
        if generation == self._generation:
            self._is_loading = False
            self.classifier = classifier
            self.opened.emit(classifier)

    def _on_fault(self, generation: int, message: str) -> None:
        if generation == self._generation:
            self._is_loading = False
            self.failed.emit(message)

    def _on_rest(self, generation: int) -> None:
        if generation == self._generation:
            self._busy -= 1
            if not self._busy:
                self.idle.emit()
