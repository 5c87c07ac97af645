"""Versions of the model, opened and verified: tried beside the model before, and put into use."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from edgecls.desktop.classify.recogniser import open_verified
from edgecls.desktop.shared.entries import Answer
from edgecls.desktop.shared.jobs import Jobs
from edgecls.desktop.teach.session import TeachSession
from edgecls.errors import EdgeclsError
from edgecls.image import read_file
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.many_images import find_names
from edgecls.teaching.teaching import Teaching
from edgecls.teaching.versions import Version

__all__ = ["Trial", "Trying"]

MOST = 24  # images that are tried at once
MOST_OPEN = 2  # the version that is tried, and the one beside it


@dataclass(frozen=True)
class Trial:
    """An image that a version was tried on.

    Attributes:
        path: The image.
        number: The version.
        answer: Its answer; None if the image cannot be classified.
        beside: What the model beside it is called: the number of a version, or a name; None for none.
        other: The answer of that model.
        fault: Why there is no answer; empty where there is one.
    """

    path: str
    number: int
    answer: Answer | None = None
    beside: int | str | None = None
    other: Answer | None = None
    fault: str = ""


class Trying(QObject):
    """Runs versions in a thread.

    Args:
        session: The folder.
        current: Returns the model that the window classifies with, and its name; None for none.
        provider: Returns what versions are to run on.
    """

    tried = Signal(object)
    """An image was tried: a Trial."""

    def __init__(
        self,
        session: TeachSession,
        current: Callable[[], tuple[Classifier, str] | None],
        provider: Callable[[], Provider],
    ) -> None:
        super().__init__()
        self._session, self._current, self._provider = session, current, provider
        self._jobs = Jobs("tries")
        self._open: OrderedDict[str, Classifier] = OrderedDict()

    @property
    def is_busy(self) -> bool:
        """True while an image is tried or a version put into use."""
        return self._jobs.is_busy

    def try_images(self, paths: Sequence[str], number: int) -> None:
        """Have a version classify images, or those in folders, and beside it the version or model that is in use."""
        current, provider = self._current(), self._provider()

        def work(teaching: Teaching, path: str) -> Trial:
            return self._tried(teaching, path, number, current, provider)

        def begin(found: list[str]) -> None:
            for path in found[:MOST]:
                self._session.run(self._jobs, partial(work, path=path), self.tried.emit, self._session.fail)

        self._session.run(self._jobs, lambda teaching: find_names(paths), begin, self._session.fail)

    def use(self, number: int) -> None:
        """Put a version into use, once its golden samples have come out right here."""
        provider = self._provider()

        def work(teaching: Teaching) -> Version:
            self._opened(teaching.version(number), provider)
            return teaching.use(number)

        def show(version: Version) -> None:
            self._session.do(lambda teaching: None)
            self._session.used.emit(version)

        self._session.run(self._jobs, work, show, self._session.fail)

    def close(self) -> None:
        """End the thread."""
        self._jobs.close()

    def _opened(self, version: Version, provider: Provider) -> Classifier:
        key = f"{version.model} {provider}"
        if key not in self._open:
            while len(self._open) >= MOST_OPEN:
                self._open.popitem(last=False)
            self._open[key] = open_verified(version.model, provider)
        self._open.move_to_end(key)
        return self._open[key]

    def _tried(
        self,
        teaching: Teaching,
        path: str,
        number: int,
        current: tuple[Classifier, str] | None,
        provider: Provider,
    ) -> Trial:
        version = teaching.version(number)
        candidate = self._opened(version, provider)
        before = _beside(teaching, version)
        beside: int | str | None = None
        other: Classifier | None = None
        if before is not None:
            beside, other = before.number, self._opened(before, provider)
        elif current is not None:
            other, beside = current
        try:
            data = read_file(path)
            answer = Answer.of(candidate.predict_bytes(data, name=path))
            return Trial(
                *(path, number, answer, beside),
                None if other is None else Answer.of(other.predict_bytes(data, name=path)),
            )
        except EdgeclsError as error:
            return Trial(path, number, fault=str(error))


def _beside(teaching: Teaching, version: Version) -> Version | None:
    """Return the version to compare one with: the one in use, or of that one, the one before."""
    in_use = teaching.in_use
    if in_use is not None and in_use.number != version.number:
        return in_use
    return next((other for other in teaching.versions() if other.number == version.facts["before"]), None)
