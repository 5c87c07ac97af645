"""Collecting: for each label, fetch addresses from its source until it has enough images."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from edgecls.dataset.collect.guarded_session import GuardedSession, SessionSettings
from edgecls.dataset.collect.image_store import ImageStore
from edgecls.dataset.collect.manifest import MANIFEST_NAME, Manifest, Record
from edgecls.dataset.collect.outcomes import FetchError
from edgecls.dataset.collect.robots import Robots
from edgecls.dataset.collect.sources import Candidate, Reader, Source
from edgecls.errors import DatasetError, OutputError
from edgecls.folder_names import class_folder, folder_label
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits

__all__ = ["ClassRequest", "ClassResult", "CollectSettings", "Listener", "Summary", "collect"]

POLL_S = 1.0
"""Longest uninterrupted wait, so that Ctrl-C works on every system."""


@dataclass(frozen=True)
class ClassRequest:
    """A request for images of one label.

    Attributes:
        label: The name of the class folder.
        source: Where its images come from.
        count: Images that the folder should have in the end, existing ones included; None for all of the source.

    Raises:
        DatasetError: The label is not a valid folder name, or the count is below 1.
    """

    label: str
    source: Source
    count: int | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "label", folder_label(self.label))
        except DatasetError as error:
            raise DatasetError(f"{error}; give another label with --class") from error
        if self.count is not None and self.count < 1:
            raise DatasetError(f"the count must be 1 or more, got {self.count}")


@dataclass(frozen=True)
class CollectSettings:
    """How to collect.

    Attributes:
        session: Limits of requests.
        limits: Limits on bytes and pixels of an image.
        min_sides: Smallest sides in pixels, in either orientation.
        workers: Addresses to work on at once.

    Raises:
        DatasetError: A value is outside its limits.
    """

    session: SessionSettings = field(default_factory=SessionSettings)
    limits: ImageLimits = DEFAULT_LIMITS
    min_sides: tuple[int, int] = (64, 64)
    workers: int = 8

    def __post_init__(self) -> None:
        if min(self.min_sides) < 1:
            raise DatasetError(f"the smallest sides must be 1 pixel or more, got {self.min_sides}")
        if not 1 <= self.workers <= 64:
            raise DatasetError(f"workers must be from 1 to 64, got {self.workers}")


@dataclass(frozen=True)
class ClassResult:
    """The outcome of a request.

    Attributes:
        label: The label.
        had: Images that its folder had before.
        saved: Images saved now.
        wanted: Images requested; None for all of the source.
    """

    label: str
    had: int
    saved: int
    wanted: int | None

    @property
    def is_enough(self) -> bool:
        """Whether the folder has as many images as requested; at least one if no number was given."""
        return self.had + self.saved >= (self.wanted or 1)


@dataclass(frozen=True)
class Summary:
    """The outcome of a collection.

    Attributes:
        classes: One result for each request.
        outcomes: The count of each outcome.
        settled: Addresses skipped because an earlier run settled them.
    """

    classes: tuple[ClassResult, ...]
    outcomes: Counter[str]
    settled: int


@dataclass(frozen=True)
class Listener:
    """Callbacks for progress.

    Attributes:
        on_read: Called with the number of images read and of all, while existing images are read.
        on_record: Called with the outcome of an address, and the number of images that its label has now.
        on_note: Called with what the user should know.
    """

    on_read: Callable[[int, int], None] = lambda done, total: None
    on_record: Callable[[Record, int], None] = lambda record, images: None
    on_note: Callable[[str], None] = lambda text: None


def collect(
    output: Path,
    requests: Sequence[ClassRequest],
    settings: CollectSettings,
    *,
    listener: Listener,
) -> Summary:
    """Collect images into class folders.

    The outcome of each address is appended to a manifest in the output folder as soon as it is known. A run that
    was stopped continues when it is started again: settled addresses are not fetched again.

    Args:
        output: The folder of class folders; created if missing.
        requests: What to collect; labels must differ.
        settings: How to collect.
        listener: Callbacks for progress.

    Raises:
        DatasetError: Two requests have the same label, a label's folder cannot be used, or the manifest is damaged.
        OutputError: Something cannot be written.
    """
    labels = [request.label for request in requests]
    for index, label in enumerate(labels):
        if label.casefold() in (earlier.casefold() for earlier in labels[:index]):
            raise DatasetError(f"label {label!r} is given twice, ignoring case; give each label once")
        class_folder(output, label)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create folder {str(output)!r}: {error.strerror}; choose another place") from error
    with Manifest(output / MANIFEST_NAME) as manifest:
        store = ImageStore(
            output,
            min_sides=settings.min_sides,
            limits=settings.limits,
            earlier=manifest.latest.values(),
            on_read=listener.on_read,
        )
        session = GuardedSession(settings.session)
        run = _Run(settings, listener, manifest, store, session, Robots(session))
        with ThreadPoolExecutor(settings.workers, thread_name_prefix="edgecls-collect") as pool:
            try:
                classes = tuple(run.serve(request, pool) for request in requests)
            except BaseException:
                session.stop()  # so that the pool ends at once, with whole files only
                raise
        return Summary(classes, run.outcomes, run.settled)


@dataclass
class _Run:
    """One call of `collect`."""

    settings: CollectSettings
    listener: Listener
    manifest: Manifest
    store: ImageStore
    session: GuardedSession
    robots: Robots
    outcomes: Counter[str] = field(default_factory=Counter)
    settled: int = 0
    seen: set[str] = field(default_factory=set)

    def serve(self, request: ClassRequest, pool: ThreadPoolExecutor) -> ClassResult:
        """Fulfil one request as far as possible."""
        had = self.store.count(request.label)
        saved = 0
        fresh = self._fresh(request)
        running: set[Future[Record]] = set()
        while True:
            # Never more at once than are missing, so that there are never too many images.
            missing = self.settings.workers if request.count is None else request.count - had - saved
            while len(running) < min(missing, self.settings.workers) and (candidate := next(fresh, None)):
                running.add(pool.submit(self._take, candidate, request.label))
            if not running:
                return ClassResult(request.label, had, saved, request.count)
            done, running = wait(running, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                record = future.result()
                saved += record.outcome == "saved"
                self.outcomes[record.outcome] += 1
                self.listener.on_record(record, had + saved)

    def _fresh(self, request: ClassRequest) -> Iterator[Candidate]:
        """Yield the addresses that neither this run nor an earlier one has settled."""
        reader = Reader(self.session, self.robots, self.listener.on_note)
        for candidate in request.source.candidates(reader):
            if candidate.url in self.seen:
                continue
            self.seen.add(candidate.url)
            earlier = self.manifest.latest.get(candidate.url)
            if earlier and earlier.settles(min_sides=self.settings.min_sides, limits=self.settings.limits):
                self.settled += 1
                continue
            yield candidate

    def _take(self, candidate: Candidate, label: str) -> Record:
        """Fetch and keep one image, and record the outcome."""
        record = self._attempt(candidate, label)
        self.manifest.add(record)
        return record

    def _attempt(self, candidate: Candidate, label: str) -> Record:
        max_bytes = self.settings.limits.max_bytes
        record = Record(candidate.url, label, "", "", source=candidate.source, keyword=candidate.keyword)
        try:
            if candidate.asks_robots:
                self.robots.check(candidate.url)
            fetched = self.session.fetch(candidate.url, max_bytes=max_bytes)
        except FetchError as error:
            size = max_bytes if error.outcome == "too_large" else None
            return replace(record, outcome=error.outcome, time=_now(), bytes=size, detail=str(error))
        stored = self.store.add(fetched.content, label, name=candidate.url)
        return replace(record, time=_now(), final_url=fetched.url, bytes=len(fetched.content), **asdict(stored))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
