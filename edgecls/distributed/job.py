"""Jobs: the images of all sources, each classified by one worker of a cluster and written once.

Rows are written by the program that the user started, and by nobody else. A worker that dies has answered a call or
has not, so its images are in no part or in one; a program that dies leaves whole parts, and the next one subtracts
what is in them.
"""

import contextlib
import hashlib
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from edgecls import __version__
from edgecls.distributed.cluster import LostWorkerError, Pool, Share, Worker, joined_cluster, result_of
from edgecls.distributed.output import OutputFolder
from edgecls.distributed.sources import HERE, Listed, is_uri, list_images, local_roots
from edgecls.distributed.worker import WorkerSettings
from edgecls.errors import ImageError
from edgecls.image_limits import DEFAULT_LIMITS, ImageLimits
from edgecls.modelfile import ModelFile
from edgecls.results.resume import SeenImages
from edgecls.results.rows import Row, written_name
from edgecls.runtime.min_familiarity import MinFamiliarity

__all__ = ["Job", "Progress", "chunks_of", "open_output", "run_job"]

IMAGES_PER_CALL = 32
MOST_DEATHS = 3  # of workers over one image, which then gets an error
PART_AFTER_S = 60.0  # a part is written after so long, however small it is
WAIT_S = 1.0  # for an answer, before the pool is looked at again


@dataclass(frozen=True, slots=True)
class Job:
    """What to do.

    Attributes:
        sources: Paths and URIs, as for `list_images`.
        output: The folder of the parts.
        model: The model file.
        output_format: "parquet" or "json".
        top: Labels in a row.
        limits: Bounds on every image.
        unknown_threshold: As for `load`.
        min_familiarity: As for `load`.
        embeddings: Whether rows have the embedding of their image.
        provider: What the network runs on.
        part_rows: Rows of a part, at least 1.
        evaluates: What is evaluated, as the manifest names it: "data" and "split"; None for images without labels.
    """

    sources: tuple[str, ...]
    output: Path
    model: ModelFile
    output_format: str = "parquet"
    top: int = 1
    limits: ImageLimits = DEFAULT_LIMITS
    unknown_threshold: float | None = None
    min_familiarity: MinFamiliarity | None = None
    embeddings: bool = False
    provider: str = "auto"
    part_rows: int = 10_000
    evaluates: Mapping[str, str] | None = None


@dataclass(slots=True)
class Progress:
    """How far a job is.

    Attributes:
        before: Images that were in finished parts already.
        failed_before: Those of them that have an error.
        done: Images that were classified in this run, those with an error among them.
        failed: Those of them that have an error.
        listed: Images found so far that were in no part.
        is_listed: True once all are found.
        workers: Workers that are ready.
        lost: Workers that died or hung.
        is_too_small: True while no machine of the cluster has what a worker asks for.
    """

    before: int = 0
    failed_before: int = 0
    done: int = 0
    failed: int = 0
    listed: int = 0
    is_listed: bool = False
    workers: int = 0
    lost: int = 0
    is_too_small: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Images of one call, from one location, perhaps with their true labels; `deaths` of workers that had it."""

    location: str
    names: tuple[str, ...]
    label_ids: tuple[int, ...] = ()
    deaths: int = 0

    def after_death(self) -> "list[Chunk]":
        """Return what to try after a worker died over it: the same once more, then its images one by one."""
        if len(self.names) > 1 and self.deaths > 0:
            return self._one_by_one(deaths=0)
        return [replace(self, deaths=self.deaths + 1)]

    def after_hanging(self) -> "list[Chunk]":
        """Return what to try after a worker hung over it: its images one by one, as waiting takes long."""
        return self._one_by_one(deaths=self.deaths + 1)

    def _one_by_one(self, *, deaths: int) -> "list[Chunk]":
        return [
            Chunk(self.location, (name,), self.label_ids[place : place + 1], deaths)
            for place, name in enumerate(self.names)
        ]


def run_job(
    job: Job,
    *,
    address: str | None,
    share: Share,
    listed: Iterable[Listed] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Classify all images of a job that are in no finished part of its output folder.

    When it is interrupted, the rows that are there are written as a part before the exception goes on.

    Args:
        job: What to do.
        address: As for `joined_cluster`.
        share: What of the cluster to take.
        listed: The images, with their labels where the job evaluates; None for those that the sources hold.
        on_progress: Called after every answer, and every second without one.

    Returns:
        How it ended.

    Raises:
        DistributedError: A source, the output folder or the cluster does not allow it.
        OutputError: A part cannot be written, or there is no space to keep track of the images.
        MissingExtraError: Ray or pyarrow is not installed.
        As `ImageWorker.start`.
    """
    roots = local_roots(job.sources)
    if listed is not None:
        roots = [root for root in roots if os.path.isdir(root)]  # a list of any name need not be seen by all
    progress = Progress()
    settings = WorkerSettings(
        __version__,
        job.provider,
        share.cpus,
        share.gpus > 0,
        job.limits,
        job.unknown_threshold,
        job.min_familiarity,
        job.embeddings,
        job.top,
        os.getcwd(),
        tuple(roots),
    )
    with (
        contextlib.closing(open_output(job)) as output,
        contextlib.closing(SeenImages()) as seen,
    ):
        for name, has_answer in output.finished():
            seen.add(_key(name))
            progress.before += 1
            progress.failed_before += not has_answer
        chunks = chunks_of(list_images(job.sources) if listed is None else listed, seen, progress)
        first = next(chunks, None)
        if first is not None:  # else there is nothing to join a cluster for
            parts = _Parts(output, job.part_rows)
            with joined_cluster(address) as ray:
                pool = Pool(ray, job.model, settings, share, is_fixed=address is None)
                run = _Run(ray, pool, job.model.card.labels, parts, progress, on_progress)
                try:
                    run.work_through(itertools.chain([first], chunks))
                finally:
                    parts.flush()
        output.finish(images=progress.before + progress.done, errors=progress.failed_before + progress.failed)
    return progress


def open_output(job: Job) -> OutputFolder:
    """Open the output folder of a job.

    Raises:
        DistributedError: Another process is writing there, it holds something else, or another job.
    """
    return OutputFolder.open(job.output, _facts(job))


def _facts(job: Job) -> dict[str, Any]:
    """Return what the rows rest on, for the manifest; another job may not go on in the same folder."""
    facts: dict[str, Any] = {
        "edgecls": __version__,
        "model": {"name": job.model.card.name, "sha256": hashlib.sha256(job.model.onnx).hexdigest()},
        "options": {
            "format": job.output_format,
            "top": job.top,
            "provider": job.provider,
            "unknown_threshold": job.unknown_threshold,
            "min_familiarity": job.min_familiarity,
            "embeddings": job.embeddings,
            "max_bytes": job.limits.max_bytes,
            "max_pixels": job.limits.max_pixels,
        },
        "evaluates": None if job.evaluates is None else dict(job.evaluates),
    }
    if any(not is_uri(source) and not os.path.isabs(source) for source in job.sources):
        facts["relative_to"] = written_name(os.getcwd())
    return facts


def _key(name: str) -> str:
    """Return what two names of the same image have in common."""
    return name if is_uri(name) else os.path.abspath(name)


def chunks_of(listed: Iterable[Listed], seen: SeenImages, progress: Progress) -> Iterator[Chunk]:
    """Yield the images that have not been seen, a call's worth at a time, each from one location.

    Args:
        listed: The images of all sources; taken as chunks are asked for.
        seen: Those that are done; what is yielded is added.
        progress: Counts what is yielded.
    """
    location, names, label_ids = HERE, list[str](), list[int]()
    for image in listed:
        if not seen.add(_key(written_name(image.name))):
            continue
        if names and (image.location != location or len(names) == IMAGES_PER_CALL):
            yield Chunk(location, tuple(names), tuple(label_ids))
            names, label_ids = [], []
        location = image.location
        names.append(image.name)
        if image.label_id is not None:
            label_ids.append(image.label_id)
        progress.listed += 1
    if names:
        yield Chunk(location, tuple(names), tuple(label_ids))
    progress.is_listed = True


class _Parts:
    """Gathers rows, and writes a part when there are enough, or when the oldest have waited long enough."""

    def __init__(self, output: OutputFolder, part_rows: int) -> None:
        self._output = output
        self._part_rows = part_rows
        self._rows: list[Row] = []
        self._written_s = time.monotonic()

    def take(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        while len(self._rows) >= self._part_rows:
            self._write(self._part_rows)
        if time.monotonic() - self._written_s >= PART_AFTER_S:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._write(len(self._rows))

    def _write(self, count: int) -> None:
        self._output.write(self._rows[:count])
        del self._rows[:count]
        self._written_s = time.monotonic()


class _Run:
    """Hands chunks to workers and takes their rows."""

    def __init__(
        self,
        ray: ModuleType,
        pool: Pool,
        labels: tuple[str, ...],
        parts: _Parts,
        progress: Progress,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._ray = ray
        self._pool = pool
        self._labels = labels
        self._parts = parts
        self._progress = progress
        self._on_progress = on_progress
        self._again: deque[Chunk] = deque()
        self._calls: dict[Any, tuple[Worker, Chunk]] = {}

    def work_through(self, chunks: Iterator[Chunk]) -> None:
        """Return when every chunk has its rows."""
        upcoming = self._next(chunks)
        while upcoming is not None or self._calls:
            if upcoming is not None:
                self._pool.adjust()
            while upcoming is not None and (worker := self._pool.idlest()) is not None:
                call = worker.handle.classify.remote(upcoming.location, upcoming.names, upcoming.label_ids)
                worker.asked(call)
                self._calls[call] = worker, upcoming
                upcoming = self._next(chunks)
            starts = self._pool.starts if upcoming is not None else []
            done, _ = self._ray.wait([*self._calls, *starts], timeout=WAIT_S)
            for call in done:
                if call in self._calls:
                    self._take(call)
                else:
                    self._pool.started(call)
            self._end_hanging()
            upcoming = upcoming or self._next(chunks)
            self._progress.workers = self._pool.ready_count
            self._progress.is_too_small = self._pool.is_too_small
            self._on_progress(self._progress)

    def _next(self, chunks: Iterator[Chunk]) -> Chunk | None:
        return self._again.popleft() if self._again else next(chunks, None)

    def _take(self, call: Any) -> None:
        worker, chunk = self._calls[call]
        try:
            rows: list[Row] = result_of(self._ray, call)
        except LostWorkerError:
            self._lose(worker, Chunk.after_death)
            return
        del self._calls[call]
        worker.answered(call)
        self._keep(chunk, rows)

    def _end_hanging(self) -> None:
        """Give up the workers that have not answered for too long."""
        for worker in self._pool.overdue():
            ready, _ = self._ray.wait(worker.calls[:1], timeout=0)  # it may be this program that stood still
            if not ready:
                self._lose(worker, Chunk.after_hanging)

    def _lose(self, worker: Worker, again: Callable[[Chunk], list[Chunk]]) -> None:
        """Give up a worker; its oldest chunk was at work, the others were waiting."""
        self._progress.lost += 1
        self._pool.remove(worker)
        at_work, *waiting = [self._calls.pop(call)[1] for call in worker.calls]
        worker.calls.clear()
        for chunk in [*again(at_work), *waiting]:
            if len(chunk.names) == 1 and chunk.deaths >= MOST_DEATHS:
                self._keep(chunk, [_row_of_fatal(chunk.names[0])])
            else:
                self._again.append(chunk)

    def _keep(self, chunk: Chunk, rows: Sequence[Row]) -> None:
        if chunk.label_ids:
            for row, label_id in zip(rows, chunk.label_ids, strict=True):
                row["true_label"] = self._labels[label_id]
        self._progress.done += len(rows)
        self._progress.failed += sum("error" in row for row in rows)
        self._parts.take(rows)


def _row_of_fatal(name: str) -> Row:
    error = ImageError(
        f"cannot classify {written_name(name)!r}: {MOST_DEATHS} workers died over it or did not answer in time; try it "
        "alone with 'edgecls run', and look at the memory of the machines"
    )
    return {"image": written_name(name), "error": error.as_dict()}
