"""Foreign images, which show nothing that a model was trained on: how many of them get a label all the same."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError, ImageError
from edgecls.evaluation.record import Evaluation
from edgecls.image_files import image_names
from edgecls.model_card import ModelCard
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.many_images import classify_stream, file_source
from edgecls.runtime.prediction import Prediction

__all__ = ["AcceptanceLevel", "ForeignImages", "Judge", "classify_foreign", "foreign_to_dict"]

LEVELS = (0.9, 0.95, 0.98, 0.99)  # of a model that does not judge familiarity
MISTAKEN_LISTED = 100

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """A score that is to be larger for familiar images than for foreign ones.

    Attributes:
        familiar: ``[N]``: that of the images with the model's labels, at least one.
        foreign: ``[M]``: that of the foreign images, at least one.
    """

    familiar: Scores
    foreign: Scores

    def accepted(self, threshold: float) -> tuple[float, float]:
        """Return the proportions of the familiar and of the foreign images that are at or above a threshold."""
        return float(np.mean(self.familiar >= threshold)), float(np.mean(self.foreign >= threshold))

    def threshold_for(self, proportion: float) -> float:
        """Return the largest threshold that accepts at least a proportion, above 0, of the familiar images."""
        count = min(len(self.familiar), max(1, int(np.ceil(proportion * len(self.familiar) - 1e-9))))
        return float(np.sort(self.familiar)[len(self.familiar) - count])

    @property
    def auroc(self) -> float:
        """The probability that a familiar image has a larger score than a foreign one; of equals, half of them."""
        ordered = np.sort(self.familiar)
        below = np.searchsorted(ordered, self.foreign, side="left") + np.searchsorted(
            ordered, self.foreign, side="right"
        )
        return float(1 - np.mean(below) / (2 * len(ordered)))


@dataclass(frozen=True)
class AcceptanceLevel:
    """What a threshold of familiarity accepts, and beside it the largest probability with a threshold as strict.

    Attributes:
        level: The proportion of familiar images that the threshold is meant to accept.
        threshold: The familiarity; None if the model does not judge it.
        familiar: The proportion of the evaluated images that are accepted.
        foreign: The proportion of the foreign images that are accepted by familiarity; None without it.
        probability_threshold: The probability of the predicted label that accepts as many of the evaluated images;
            None if that is none.
        probability_foreign: The proportion of the foreign images that are accepted by that.
    """

    level: float
    threshold: float | None
    familiar: float
    foreign: float | None
    probability_threshold: float | None
    probability_foreign: float


@dataclass(frozen=True, eq=False)
class ForeignImages:
    """The answers for foreign images, beside those for images with the model's labels.

    Attributes:
        name: What the images are called.
        paths: Those that could be classified, M in number, at least 1.
        labels: ``[M]``: the most probable label of each.
        is_known: bool, ``[M]``: whether that is the answer, with the thresholds in use.
        probability: By the largest probability.
        familiarity: By familiarity; None if the model does not judge it.
        levels: What is accepted at the levels of the model file.
        failures: Why the other images could not be classified, by their names.
    """

    name: str
    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    is_known: npt.NDArray[np.bool_]
    probability: Judge
    familiarity: Judge | None
    levels: tuple[AcceptanceLevel, ...]
    failures: Mapping[str, ImageError]

    @property
    def images(self) -> int:
        """Number of foreign images classified."""
        return len(self.paths)

    @property
    def judge(self) -> Judge:
        """By familiarity, or else by the largest probability."""
        return self.familiarity or self.probability

    @cached_property
    def accepted_labels(self) -> list[tuple[str, int]]:
        """The labels given to foreign images with the thresholds in use, the most frequent first, and how often."""
        given = [label for label, known in zip(self.labels, self.is_known.tolist(), strict=True) if known]
        return sorted(((label, given.count(label)) for label in set(given)), key=lambda item: (-item[1], item[0]))

    def most_familiar(self, count: int) -> list[int]:
        """Return the indices of the `count` foreign images with the largest score, largest first."""
        return [int(index) for index in np.argsort(-self.judge.foreign, kind="stable")[:count]]


def classify_foreign(
    classifier: Classifier,
    folder: Path,
    evaluation: Evaluation,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ForeignImages:
    """Classify all images below a folder, which show nothing that has one of the model's labels.

    Args:
        classifier: The opened model.
        folder: The images, in any folders.
        evaluation: Of the same model on images with its labels, to compare with.
        workers: Number of images to process at once, at least 1.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        DatasetError: There is no image, or none that can be classified.
    """
    names = list(image_names(folder))
    if not names:
        raise DatasetError(f"there are no images in {str(folder)!r}; give a folder of images that have no label")
    paths: list[Path] = []
    answers: list[tuple[str, bool, float, float]] = []
    failures: dict[str, ImageError] = {}
    for done, outcome in enumerate(classify_stream(classifier, map(file_source, names), workers=workers), 1):
        if isinstance(outcome.result, Prediction):
            found = outcome.result
            paths.append(Path(outcome.name))
            familiarity = np.nan if found.familiarity is None else found.familiarity
            answers.append((found.best_label, found.is_known, found.probability, familiarity))
        else:
            failures[outcome.name] = outcome.result
        on_progress(done, len(names))
    if not paths:
        first = next(iter(failures.values()))
        raise DatasetError(f"none of the {len(names)} foreign images could be classified; the first fault: {first}")
    labels, is_known, probabilities, familiarities = zip(*answers, strict=True)
    probability = Judge(evaluation.confidences, np.array(probabilities))
    familiarity_judge = None
    if evaluation.familiarities is not None:
        familiarity_judge = Judge(evaluation.familiarities, np.array(familiarities))
    return ForeignImages(
        name=str(folder),
        paths=tuple(paths),
        labels=labels,
        is_known=np.array(is_known),
        probability=probability,
        familiarity=familiarity_judge,
        levels=tuple(_levels(classifier.card, probability, familiarity_judge)),
        failures=failures,
    )


def _levels(card: ModelCard, probability: Judge, familiarity: Judge | None) -> list[AcceptanceLevel]:
    thresholds: list[tuple[float, float | None]] = [(level, None) for level in LEVELS]
    if familiarity is not None and card.familiarity is not None:
        thresholds = [(level.accepted, level.threshold) for level in card.familiarity.levels]
    found = []
    for level, threshold in thresholds:
        familiar, foreign = level, None
        if familiarity is not None and threshold is not None:
            familiar, foreign = familiarity.accepted(threshold)
        at = probability.threshold_for(familiar) if familiar else None
        by_probability = (0.0, 0.0) if at is None else probability.accepted(at)
        if threshold is None:
            familiar = by_probability[0]
        found.append(AcceptanceLevel(level, threshold, familiar, foreign, at, by_probability[1]))
    return found


def foreign_to_dict(foreign: ForeignImages) -> dict[str, Any]:
    """Return what is known of foreign images; docs/how-to/evaluation.md explains it."""
    judges = {"familiarity": foreign.familiarity, "probability": foreign.probability}
    return {
        "images": foreign.images,
        "accepted": int(foreign.is_known.sum()),
        "accepted_labels": dict(foreign.accepted_labels),
        "auroc": {name: None if judge is None else judge.auroc for name, judge in judges.items()},
        "levels": [asdict(level) for level in foreign.levels],
        "most_familiar": [
            {
                "image": str(foreign.paths[index]),
                "label": foreign.labels[index],
                "known": bool(foreign.is_known[index]),
                "probability": float(foreign.probability.foreign[index]),
                "familiarity": None if foreign.familiarity is None else float(foreign.familiarity.foreign[index]),
            }
            for index in foreign.most_familiar(MISTAKEN_LISTED)
        ],
        "failures": [{"image": name, "error": error.as_dict()} for name, error in foreign.failures.items()],
    }
