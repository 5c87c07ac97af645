"""Classifying images in memory with one setting, as a folder would be, and timing it."""

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

from edgecls.measuring.trials import ImageTime, Trial
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.execution.providers import Provider, SkippedProvider
from edgecls.runtime.many_images import Source, classify_stream
from edgecls.runtime.prediction import Prediction
from edgecls.runtime.setting import Setting
from edgecls.runtime.tuning.candidates import Candidate

__all__ = ["classify_in_memory", "least_images", "time_of", "warm_up"]

LEAST_IMAGES = 4
LONGEST_TRIAL = 0.1  # of the whole time


def least_images(setting: Setting) -> int:
    """Return how many images it takes to see a setting at work."""
    return max(LEAST_IMAGES, 2 * setting.workers)


def classify_in_memory(classifier: Classifier, images: Sequence[bytes], count: int) -> Trial:
    """Classify images as `edgecls run` does, except for reading them.

    Args:
        classifier: How to run; with as many images at once as it wants.
        images: Encoded images that can be decoded, at least one; taken over and over.
        count: How many to classify, at least 1.
    """
    sources = [_source(data) for data in images]
    start_s = time.perf_counter()
    outcomes = list(classify_stream(classifier, islice(cycle(sources), count), workers=classifier.workers))
    elapsed_s = time.perf_counter() - start_s
    return Trial(
        tuple(time_of(outcome.result) for outcome in outcomes if isinstance(outcome.result, Prediction)), elapsed_s
    )


def time_of(prediction: Prediction, *, waited_ms: float = 0.0) -> ImageTime:
    """Return where the time of a prediction went, including what its image waited before that."""
    return ImageTime(prediction.decode_ms, prediction.queue_ms + waited_ms, prediction.inference_ms)


def warm_up(
    candidates: Sequence[Candidate],
    images: Sequence[bytes],
    *,
    seconds: float,
    on_progress: Callable[[str], None],
) -> tuple[dict[int, Trial], list[SkippedProvider]]:
    """Run candidates once, each alone; leave out those that take too long compared with the default setting.

    Args:
        candidates: Those of a model together, its default setting before others of that provider.
        images: Encoded images.
        seconds: How long the whole measurement should take.
        on_progress: Called with what is going on.

    Returns:
        The first run of each candidate by its number, and what was left out, with the reason.
    """
    first: dict[int, Trial] = {}
    usual: dict[tuple[int, Provider], Trial] = {}
    skipped = []
    for number, candidate in enumerate(candidates):
        setting, key = candidate.setting, (candidate.model, candidate.setting.provider)
        count = least_images(setting)
        on_progress(f"warming up: {setting}")
        base = usual.get(key)
        if base and count > len(base.times) and count / base.images_per_s > LONGEST_TRIAL * seconds:
            reason = f"with {setting} not measured: {count} images take too long here"
            skipped.append(SkippedProvider(setting.provider, reason, "give more --seconds"))
            continue
        first[number] = classify_in_memory(candidate.classifier, images, count)
        usual.setdefault(key, first[number])
    return first, skipped


def _source(data: bytes) -> Source:
    return Source("image", lambda limits: data)
