"""Comparing models on the same images: accuracy, latency and size."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle

import numpy as np

from edgecls import image
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import ImageError, ModelConfigError
from edgecls.evaluation.evaluate import evaluate
from edgecls.evaluation.record import Evaluation
from edgecls.measuring.turns import time_rounds
from edgecls.runtime.classifier import Classifier

__all__ = ["Comparison", "Contender", "Disagreement", "Latency", "compare", "mcnemar_p_value", "measure_latencies"]

TIMED_IMAGES = 24
ROUNDS = 5
WARM_UP = 3  # predictions of each model before any is timed
TIMING_SEED = 0


@dataclass(frozen=True)
class Contender:
    """A model to compare.

    Attributes:
        name: Its name, unique among the contenders.
        classifier: The opened model.
        size_bytes: Size of its file.
    """

    name: str
    classifier: Classifier
    size_bytes: int


@dataclass(frozen=True)
class Latency:
    """How long one image takes, alone, from its encoded bytes to the prediction.

    Attributes:
        median_ms: Median over all images and rounds, in milliseconds.
        p95_ms: 95th percentile.
    """

    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Disagreement:
    """Where two models differ: the images that only one of them classifies correctly.

    Attributes:
        first: Name of the first model.
        second: Name of the second model.
        only_first: Images that only the first classifies correctly.
        only_second: Images that only the second classifies correctly.
        p_value: Probability of a difference at least as large if neither is better (exact McNemar test).
    """

    first: str
    second: str
    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """The result of comparing models, in their order."""

    contenders: tuple[Contender, ...]
    evaluations: tuple[Evaluation, ...]
    latencies: tuple[Latency, ...]
    disagreements: tuple[Disagreement, ...]


def compare(
    contenders: Sequence[Contender],
    images: LabelledImages,
    *,
    workers: int,
    on_progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Comparison:
    """Evaluate models on the same images, then time them side by side.

    Args:
        contenders: At least two.
        images: What to classify, with true labels.
        workers: Number of images to process at once while evaluating; they are timed one at a time.
        on_progress: Called with the name of the model, the number of images done and that of all.

    Raises:
        ModelConfigError: Fewer than two models, or two of the same name.
        DatasetError: The data has labels that one of the models does not have, or no usable image.
    """
    names = [contender.name for contender in contenders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ModelConfigError(f"comparing takes at least two models with different names, got {', '.join(names)}")
    evaluations = []
    for contender in contenders:

        def progress(done: int, total: int, name: str = contender.name) -> None:
            on_progress(name, done, total)

        evaluations.append(evaluate(contender.classifier, images, workers=workers, on_progress=progress))
    return Comparison(
        contenders=tuple(contenders),
        evaluations=tuple(evaluations),
        latencies=measure_latencies([contender.classifier for contender in contenders], evaluations[0]),
        disagreements=tuple(
            _disagreement(names[one], names[other], evaluations[one], evaluations[other])
            for one, other in combinations(range(len(names)), 2)
        ),
    )


def measure_latencies(classifiers: Sequence[Classifier], evaluation: Evaluation) -> tuple[Latency, ...]:
    """Time models image by image in turns, so that a noisy moment of the machine affects all of them.

    Args:
        classifiers: The models.
        evaluation: An evaluation; a few of its images are used.

    Returns:
        One for each model.
    """
    encoded = _some_images(evaluation, classifiers[0])

    def over_images(classifier: Classifier) -> Callable[[], object]:
        images = cycle(encoded)
        return lambda: classifier.predict_bytes(next(images))

    times_s = time_rounds(
        {place: over_images(classifier) for place, classifier in enumerate(classifiers)},
        rounds=ROUNDS * len(encoded),
        warm_up=WARM_UP,
    )
    return tuple(
        Latency(float(np.median(times) * 1000), float(np.percentile(times, 95) * 1000)) for times in times_s.values()
    )


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of the exact McNemar test.

    Source:
        Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
        percentages", Psychometrika 12, 1947; exact: twice the smaller tail of a fair binomial.
    """
    total = only_first + only_second
    logs = [
        math.lgamma(total + 1) - math.lgamma(hits + 1) - math.lgamma(total - hits + 1) - total * math.log(2)
        for hits in range(min(only_first, only_second) + 1)
    ]
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def _disagreement(first: str, second: str, one: Evaluation, other: Evaluation) -> Disagreement:
    # An image may be left out by one model only, where their limits differ.
    right = dict(zip(other.paths, other.right.tolist(), strict=True))
    pairs = [(hit, right[path]) for path, hit in zip(one.paths, one.right.tolist(), strict=True) if path in right]
    only_first = sum(hit and not other_hit for hit, other_hit in pairs)
    only_second = sum(other_hit and not hit for hit, other_hit in pairs)
    return Disagreement(first, second, only_first, only_second, mcnemar_p_value(only_first, only_second))


def _some_images(evaluation: Evaluation, classifier: Classifier) -> list[bytes]:
    """Return the bytes of a few images, the same at every call."""
    order = np.random.default_rng(TIMING_SEED).permutation(evaluation.images)[:TIMED_IMAGES]
    encoded = []
    for index in order:
        try:
            encoded.append(image.read_file(evaluation.paths[index], limits=classifier.limits))
        except ImageError:  # it was there a moment ago; the others do
            continue
    return encoded
