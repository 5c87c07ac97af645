"""Classifying many pictures, several at once, in order, in bounded memory."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from edgecls.errors import ImageError
from edgecls.runtime.prediction import Outcome
from edgecls.runtime.sources import Source

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.illustrator import Illustrator

__all__ = ["classify_stream"]

WAITING_PER_WORKER = 4  # results that may wait for an earlier, slower one


def classify_stream(
    classifier: "Classifier", sources: Iterable[Source], *, workers: int, illustrator: "Illustrator | None" = None
) -> Iterator[Outcome]:
    """Classify pictures and yield an outcome for each, in the order of `sources`.

    Each worker reads, decodes and classifies one picture at a time; that keeps as many cores busy
    as there are workers, which on a CPU beats batches.

    Args:
        classifier: The opened model.
        sources: The pictures; taken one by one, a few ahead of the outcomes.
        workers: How many to work on at once, at least 1.
        illustrator: Makes drawings of the answers; None for none.
    """

    def classify(source: Source) -> Outcome:
        try:
            data = source.read(classifier.limits)
            if illustrator is not None:
                return illustrator.classify(classifier, data, name=source.name)
            return Outcome(source.name, classifier.predict_bytes(data, name=source.name))
        except ImageError as error:
            return Outcome(source.name, error)

    sources = iter(sources)
    first = list(islice(sources, 2))
    sources = chain(first, sources)
    if workers == 1 or len(first) < 2:
        yield from map(classify, sources)
        return
    yield from _in_threads(classify, sources, workers)


def _in_threads(classify: Callable[[Source], Outcome], sources: Iterator[Source], workers: int) -> Iterator[Outcome]:
    """Yield what `classify` returns for each source, in their order, or raise what it raises.

    Bare threads and queues: concurrent.futures costs 3 % of a picture on a network of a millisecond, and its
    import a hundredth of a second.
    """
    import threading
    from queue import Empty, SimpleQueue

    todo: SimpleQueue[tuple[int, Source] | None] = SimpleQueue()
    done: SimpleQueue[tuple[int, Outcome | BaseException]] = SimpleQueue()

    def work() -> None:
        while (task := todo.get()) is not None:
            index, source = task
            try:
                done.put((index, classify(source)))
            except BaseException as error:  # noqa: BLE001  raised again where the outcome is waited for
                done.put((index, error))

    tasks = enumerate(sources)
    first = list(islice(tasks, workers * WAITING_PER_WORKER))
    for task in first:
        todo.put(task)
    threads = [threading.Thread(target=work) for _ in range(min(workers, len(first)))]
    for thread in threads:
        thread.start()
    early: dict[int, Outcome | BaseException] = {}
    under_way, wanted = len(first), 0
    try:
        while under_way:
            while wanted not in early:
                index, result = done.get()
                early[index] = result
            result = early.pop(wanted)
            if isinstance(result, BaseException):
                raise result
            yield result
            wanted, under_way = wanted + 1, under_way - 1
            for task in islice(tasks, 1):
                todo.put(task)
                under_way += 1
    finally:
        with contextlib.suppress(Empty):
            while True:
                todo.get_nowait()
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()
