"""Classifying many pictures, several at once, in order, in bounded memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgecls.errors import ImageError
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.sources import Source

__all__ = ["Outcome", "classify_stream"]

WAITING_PER_WORKER = 4  # results that may wait for an earlier, slower one


@dataclass(frozen=True)
class Outcome:
    """What became of one picture.

    Attributes:
        name: What the picture is called.
        result: The answer, or the fault that stood in its way.
    """

    name: str
    result: Prediction | ImageError


def classify_stream(classifier: Classifier, sources: Sequence[Source], *, workers: int) -> Iterator[Outcome]:
    """Classify pictures and yield an outcome for each, in the order of `sources`.

    Each worker reads, decodes and classifies one picture at a time; that keeps as many cores busy
    as there are workers, which on a CPU beats batches.

    Args:
        classifier: The opened model.
        sources: The pictures.
        workers: How many to work on at once, at least 1.
    """

    def classify(source: Source) -> Outcome:
        try:
            data = source.read(classifier.limits)
            return Outcome(source.name, classifier.predict_bytes(data, name=source.name))
        except ImageError as error:
            return Outcome(source.name, error)

    if workers == 1 or len(sources) == 1:
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
