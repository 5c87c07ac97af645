"""Classifying many pictures, several at once, in order, in bounded memory."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edgecls.errors import ImageError
from edgecls.in_order import map_in_order
from edgecls.runtime.many.sources import Source
from edgecls.runtime.prediction import Outcome

if TYPE_CHECKING:
    from edgecls.runtime.classifier import Classifier
    from edgecls.runtime.explaining.illustrator import Illustrator

__all__ = ["classify_stream"]


def classify_stream(
    classifier: "Classifier", sources: Iterable[Source], *, workers: int, illustrator: "Illustrator | None" = None
) -> Iterator[Outcome]:
    """Classify pictures and return an outcome for each, in the order of `sources`.

    Each worker reads, decodes and classifies one picture at a time; that keeps as many cores busy
    as there are workers, which on a CPU beats batches. If the classifier runs batches, those that several workers
    have decoded run together.

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

    return map_in_order(classify, sources, workers=workers)
