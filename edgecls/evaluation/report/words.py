"""What a report is about, and the conclusions it draws, in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.foreign import ForeignImages
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation, ImagePath, UnknownFacts
from edgecls.evaluation.report.html import Html
from edgecls.model_card import ModelCard

__all__ = [
    "FEW_IMAGES",
    "Conclusion",
    "Content",
    "Subject",
    "conclusions",
    "cross_validation_text",
    "foreign_text",
    "is_cross_validated",
    "mirroring_text",
    "number",
    "percent",
    "unknown_text",
]

WELL_CALIBRATED = 0.02  # difference of mean probability and accuracy, where enough images make chance small
SECOND_GUESSES = 3
FEW_MISTAKES = 5  # too few for percentages
FEW_IMAGES = 5  # of a label: too few to judge the model on it


@dataclass(frozen=True)
class Conclusion:
    """One conclusion of a report: a headline and a sentence."""

    headline: str
    sentence: str


def percent(fraction: float) -> str:
    """Return a fraction as percent with one decimal, as "93.4 %"."""
    return f"{100 * fraction:.1f}\N{NARROW NO-BREAK SPACE}%"


def number(count: int) -> str:
    """Return a whole number with its thousands separated."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def conclusions(evaluation: Evaluation) -> list[Conclusion]:
    """Return what a reader should know about an evaluation, the most informative first."""
    return [
        *_labels(evaluation),
        *_confusion(evaluation),
        *_second_guesses(evaluation),
        _confidence(evaluation),
        *_unknown(evaluation),
        *_missing(evaluation),
    ]


def mirroring_text(mirroring: Mirroring, *, image: str = "validation image") -> str:
    """Describe how mirroring changes correct predictions; `image` is what to call one of the images."""
    if not mirroring.right:
        return (
            f"None of the {number(mirroring.images)} {image}s is classified correctly, so the effect of "
            "mirroring cannot be measured."
        )
    if not mirroring.changed and mirroring.right == 1:
        return f"Mirrored left to right, the one correctly classified {image} keeps its prediction."
    if not mirroring.changed:
        right = number(mirroring.right)
        return f"Mirrored left to right, all {right} correctly classified {image}s keep their prediction."
    worst = mirroring.changes[0]
    return (
        f"Mirrored left to right, {number(mirroring.changed)} of {number(mirroring.right)} correctly classified "
        f"{image}s ({percent(mirroring.fraction)}) get another prediction, most often {worst.mirrored} "
        f"instead of {worst.label} ({number(worst.images)} of {number(worst.right)})."
    )


def is_cross_validated(subject: "Subject") -> bool:
    """Return whether the evaluated answers are those of cross-validation, and not of the model file."""
    return subject.folds is not None and subject.split == "cross-validation"


def cross_validation_text(subject: "Subject") -> str:
    """Say whose answers are evaluated, if these are not the model file's; empty if they are."""
    if not is_cross_validated(subject) or subject.folds is None:
        return ""
    return (
        f"These figures are cross-validated, as no images were held out: {subject.folds} classifiers were fitted, each "
        "without the images that it answers for and those that look like them. The model file itself is fitted to all "
        "images, so evaluating it on any of them says nothing about new ones."
    )


def _labels(evaluation: Evaluation) -> list[Conclusion]:
    rated = [
        (entry.f1, entry.label)
        for entry in evaluation.per_label
        if entry.f1 is not None and entry.support >= FEW_IMAGES
    ]
    few = sum(0 < entry.support < FEW_IMAGES for entry in evaluation.per_label)
    if few and len(rated) < 2:
        return [
            Conclusion(
                "Too few images to compare labels",
                f"{number(few)} label(s) have fewer than {FEW_IMAGES} images here, too few to judge each.",
            )
        ]
    if len(rated) < 2:
        return []
    (worst, worst_label), (best, best_label) = min(rated), max(rated)
    if worst == best:
        which = f"Every label with at least {FEW_IMAGES} images" if few else "Every label"
        return [Conclusion("All labels score the same", f"{which} has an F1 of {best:.2f}.")]
    return [
        Conclusion(
            f"Best on {best_label}, worst on {worst_label}",
            f"F1 is {best:.2f} and {worst:.2f}."
            + (f" Left out: {number(few)} label(s) with fewer than {FEW_IMAGES} images." if few else ""),
        )
    ]


def _confusion(evaluation: Evaluation) -> list[Conclusion]:
    most = evaluation.confusions(2)
    if len(most) > 1 and most[0].images == 1:
        wrong = number(int((~evaluation.right).sum()))
        return [
            Conclusion(
                "No two labels are confused more than once", f"Each of the {wrong} mistakes has its own pair of labels."
            )
        ]
    for worst in most[:1]:
        true, predicted = map(evaluation.labels.index, (worst.true_label, worst.predicted_label))
        support, back = evaluation.per_label[true].support, int(evaluation.confusion[predicted, true])
        return [
            Conclusion(
                f"Most frequent mistake: {worst.true_label} predicted as {worst.predicted_label}",
                f"This happens to {number(worst.images)} of {number(support)} images of {worst.true_label}, "
                f"and the reverse to {number(back)} of {number(evaluation.per_label[predicted].support)}.",
            )
        ]
    return [Conclusion("No mistakes", "Every image is classified correctly.")]


def _second_guesses(evaluation: Evaluation) -> list[Conclusion]:
    wrong = int((~evaluation.right).sum())
    if len(evaluation.labels) <= SECOND_GUESSES or wrong < FEW_MISTAKES:
        return []
    near = int(((evaluation.ranks > 0) & (evaluation.ranks < SECOND_GUESSES)).sum())
    return [
        Conclusion(
            f"{number(near)} of {number(wrong)} mistakes are near misses",
            f"In {number(near)} of {number(wrong)} wrong predictions, the true label is second or third.",
        )
    ]


def _confidence(evaluation: Evaluation) -> Conclusion:
    confidence = float(np.mean(evaluation.confidences))
    low, high = evaluation.accuracy_interval
    headline = (
        "Well calibrated"
        if abs(confidence - evaluation.accuracy) <= WELL_CALIBRATED or low <= confidence <= high
        else "Overconfident"
        if confidence > evaluation.accuracy
        else "Underconfident"
    )
    return Conclusion(
        headline,
        f"The mean probability of its predictions is {percent(confidence)}, and {percent(evaluation.accuracy)} of them "
        "are correct.",
    )


def _unknown(evaluation: Evaluation) -> list[Conclusion]:
    facts = evaluation.unknown
    if facts is None:
        return []
    rejected = facts.rejected
    if not rejected:
        return [Conclusion("No answer is unknown", f"No prediction is {' or '.join(_limits(facts))}.")]
    accuracy = (
        f"; of the other predictions, {percent(facts.answered_right / facts.answered)} are correct"
        if facts.answered
        else ""
    )
    headline = (
        "Few answers are unknown"
        if rejected < FEW_MISTAKES
        else "The threshold rejects mostly mistakes"
        if facts.rejected_wrong >= facts.rejected_right
        else "The threshold rejects mostly correct predictions"
    )
    return [
        Conclusion(
            headline,
            f"The answer is unknown {' or '.join(_limits(facts))}: {number(rejected)} images, "
            f"{number(facts.rejected_wrong)} of which would have been wrong{accuracy}.",
        )
    ]


def _limits(facts: UnknownFacts) -> list[str]:
    found = []
    if facts.min_familiarity is not None:
        found.append(f"below a familiarity of {facts.min_familiarity:.3g}")
    if facts.threshold is not None:
        found.append(f"below a probability of {facts.threshold:g}")
    return found


def unknown_text(facts: UnknownFacts, images: int) -> str:
    """Describe how many of the images are answered with "unknown", and why."""
    why = ""
    if facts.min_familiarity is not None and facts.threshold is not None and facts.rejected:
        why = (
            f" ({number(facts.unlike)} as they are unlike the training images, {number(facts.rejected - facts.unlike)} "
            "as no label is probable enough)"
        )
    return (
        f"The answer is “unknown” {' or '.join(_limits(facts))}. Here that happens for {number(facts.rejected)} of "
        f"{number(images)} images{why}: {number(facts.rejected_wrong)} would have been wrong, "
        f"{number(facts.rejected_right)} correct."
    )


def foreign_text(foreign: ForeignImages) -> str:
    """Describe how many foreign images get a label."""
    accepted = int(foreign.is_known.sum())
    most = "".join(f", {label} {number(count)}" for label, count in foreign.accepted_labels[:3])
    text = (
        f"{number(accepted)} of {number(foreign.images)} foreign images ({percent(accepted / foreign.images)}) get a "
        f"label with the thresholds in use{most and ': most often' + most[1:]}. "
    )
    if foreign.familiarity is None:
        return (
            f"{text}The model does not judge familiarity. Of two images, one with the model's labels and one foreign, "
            f"the first has the larger probability in {percent(foreign.probability.auroc)} of the cases (AUROC)."
        )
    return (
        f"{text}Of two images, one with the model's labels and one foreign, familiarity is larger for the first in "
        f"{percent(foreign.familiarity.auroc)} of the cases (AUROC), the largest probability in "
        f"{percent(foreign.probability.auroc)}."
    )


def _missing(evaluation: Evaluation) -> list[Conclusion]:
    found = []
    if evaluation.failures:
        count = len(evaluation.failures)
        found.append(Conclusion("Some files could not be read", f"{number(count)} file(s) could not be classified."))
    empty = sum(not entry.support for entry in evaluation.per_label)
    if empty:
        found.append(Conclusion("Labels without images", f"{number(empty)} label(s) have no images here."))
    return found


Content = tuple[str, Html] | None
"""Introduction and body of a section; None for no section."""


@dataclass(frozen=True)
class Subject:
    """Everything that goes into a report; `write_report` explains the fields."""

    evaluation: Evaluation
    card: ModelCard
    data_name: str
    split: str
    model_bytes: int | None
    history: tuple[EpochReport, ...]
    calibration: Calibration | None
    mirroring: Mirroring | None
    foreign: ForeignImages | None
    folds: int | None
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    read: Callable[[ImagePath], bytes]
