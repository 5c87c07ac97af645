"""Classifying many pictures, several at once, in order, in bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from edgecls.errors import ImageError
from edgecls.runtime.prediction import Outcome
from edgecls.runtime.sources import Source

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier

__all__ = ["classify_stream"]

WAITING_PER_WORKER = 4  # results that may wait for an earlier, slower one


def classify_stream(classifier: "Classifier", sources: Iterable[Source], *, workers: int) -> Iterator[Outcome]:
    """Classify pictures and yield an outcome for each, in the order of `sources`.

    Each worker reads, decodes and classifies one picture at a time; that keeps as many cores busy
    as there are workers, which on a CPU beats batches.

    Args:
        classifier: The opened model.
        sources: The pictures; taken one by one, a few ahead of the outcomes.
        workers: How many to work on at once, at least 1.
    """

    def classify(source: Source) -> Outcome:
        try:
            data = source.read(classifier.limits)
            return Outcome(source.name, classifier.predict_bytes(data, name=source.name))
        except ImageError as error:
            return Outcome(source.name, error)

    sources = iter(sources)
    first = list(islice(sources, 2))
    sources = chain(first, sources)
    if workers == 1 or len(first) < 2:
        yield from map(classify, sources)
        return
    from concurrent.futures import Future, ThreadPoolExecutor  # a lone picture does not pay for the import

    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for source in sources:
                waiting.append(pool.submit(classify, source))
                if len(waiting) >= workers * WAITING_PER_WORKER:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
