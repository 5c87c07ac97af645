"""Numbers and facts in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgecls.evaluation.calibration import Calibration
from edgecls.evaluation.history import EpochReport
from edgecls.evaluation.mirroring import Mirroring
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.report.html import Html
from edgecls.model_card import ModelCard

__all__ = ["FEW_IMAGES", "Content", "Finding", "Subject", "findings", "mirroring_text", "number", "percent"]

FAIR = 0.02  # how far mean probability and accuracy may differ where there are so many images that chance does not
SECOND_GUESSES = 3
FEW_MISTAKES = 5  # too few to say anything of them in percent
FEW_IMAGES = 5  # of a label: too few to say how good the model is at it
MANY_NEAR, FEW_NEAR = 0.5, 0.2  # parts of the mistakes that are near misses


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing: a headline and a sentence."""

    headline: str
    sentence: str


def percent(part: float) -> str:
    """Return a part as percent with one decimal, as "93.4 %"."""
    return f"{100 * part:.1f}\N{NARROW NO-BREAK SPACE}%"


def number(count: int) -> str:
    """Return a whole number with thousands apart."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def findings(evaluation: Evaluation) -> list[Finding]:
    """Return what a reader should know of an evaluation, the most telling first."""
    return [
        *_labels(evaluation),
        *_confusion(evaluation),
        *_second_guesses(evaluation),
        _honesty(evaluation),
        *_unknown(evaluation),
        *_missing(evaluation),
    ]


def mirroring_text(mirroring: Mirroring) -> str:
    """Return in words what mirroring does to right answers."""
    if not mirroring.right:
        return f"No validation image of {number(mirroring.images)} is answered right, so mirroring them tells nothing."
    if not mirroring.changed:
        return (
            f"Mirrored left to right, all {number(mirroring.right)} validation images that are answered right keep "
            "their answer."
        )
    worst = mirroring.changes[0]
    return (
        f"Mirrored left to right, {number(mirroring.changed)} of {number(mirroring.right)} validation images that are "
        f"answered right ({percent(mirroring.part)}) get another answer, most often {worst.mirrored} instead of "
        f"{worst.label} ({number(worst.images)} of {number(worst.right)})."
    )


def _labels(evaluation: Evaluation) -> list[Finding]:
    rated = [
        (entry.f1, entry.label)
        for entry in evaluation.per_label
        if entry.f1 is not None and entry.support >= FEW_IMAGES
    ]
    few = sum(0 < entry.support < FEW_IMAGES for entry in evaluation.per_label)
    if few and len(rated) < 2:
        return [
            Finding(
                "Too few images to compare labels",
                f"{number(few)} label(s) have fewer than {FEW_IMAGES} images here, which says little about each.",
            )
        ]
    if len(rated) < 2:
        return []
    (worst, worst_label), (best, best_label) = min(rated), max(rated)
    if worst == best:
        which = f"Every one with at least {FEW_IMAGES} images" if few else "Every one"
        return [Finding("All labels alike", f"{which} has an F1 of {best:.2f}.")]
    return [
        Finding(
            f"Best at {best_label}, worst at {worst_label}",
            f"F1 is {best:.2f} for the one and {worst:.2f} for the other."
            + (f" Left out: {number(few)} label(s) with fewer than {FEW_IMAGES} images." if few else ""),
        )
    ]


def _confusion(evaluation: Evaluation) -> list[Finding]:
    most = evaluation.confusions(2)
    if len(most) > 1 and most[0].images == 1:
        wrong = number(int((~evaluation.right).sum()))
        return [
            Finding("No two labels are confused more than once", f"The {wrong} mistakes are all of different kinds.")
        ]
    for worst in most[:1]:
        entry = evaluation.per_label[evaluation.labels.index(worst.shown)]
        back = int(evaluation.confusion[evaluation.labels.index(worst.said), evaluation.labels.index(worst.shown)])
        return [
            Finding(
                f"Most often it takes {worst.shown} for {worst.said}",
                f"This happens to {number(worst.images)} of {number(entry.support)} images of {worst.shown}, "
                f"and the other way round to {number(back)}.",
            )
        ]
    return [Finding("Not one mistake", "Every image got its right label.")]


def _second_guesses(evaluation: Evaluation) -> list[Finding]:
    wrong = int((~evaluation.right).sum())
    if len(evaluation.labels) <= SECOND_GUESSES or wrong < FEW_MISTAKES:
        return []
    near = int(((evaluation.ranks > 0) & (evaluation.ranks < SECOND_GUESSES)).sum())
    headline = (
        "Its second thoughts are worth hearing"
        if near > MANY_NEAR * wrong
        else "Few of its mistakes are near misses"
        if near <= FEW_NEAR * wrong
        else "Some of its mistakes are near misses"
    )
    return [
        Finding(
            headline,
            f"Of {number(wrong)} wrong answers, {number(near)} had the right label in second or third place.",
        )
    ]


def _honesty(evaluation: Evaluation) -> Finding:
    sure = float(np.mean(evaluation.confidences))
    gap = sure - evaluation.accuracy
    low, high = evaluation.accuracy_interval
    headline = (
        "A fair judge of itself"
        if abs(gap) <= FAIR or low <= sure <= high
        else "Too sure of itself"
        if gap > 0
        else "Too modest"
    )
    return Finding(
        headline,
        f"On average it is {percent(sure)} sure of its answers, and {percent(evaluation.accuracy)} of them are right.",
    )


def _unknown(evaluation: Evaluation) -> list[Finding]:
    facts = evaluation.unknown
    if facts is None:
        return []
    rejected = facts.rejected_right + facts.rejected_wrong
    if not rejected:
        return [Finding("Never at a loss", f"No answer was less sure than its threshold of {facts.threshold:g}.")]
    accuracy = (
        f"; of those it names, {percent(facts.answered_right / facts.answered)} are right" if facts.answered else ""
    )
    headline = (
        "Seldom at a loss"
        if rejected < FEW_MISTAKES
        else "It knows when to be silent"
        if facts.rejected_wrong >= facts.rejected_right
        else "It is silent too often"
    )
    return [
        Finding(
            headline,
            f"Below a probability of {facts.threshold:g} it answers unknown: {number(rejected)} images, "
            f"{number(facts.rejected_wrong)} of which it would have got wrong{accuracy}.",
        )
    ]


def _missing(evaluation: Evaluation) -> list[Finding]:
    found = []
    if evaluation.failures:
        count = len(evaluation.failures)
        found.append(Finding("Not everything could be read", f"{number(count)} file(s) could not be classified."))
    empty = sum(not entry.support for entry in evaluation.per_label)
    if empty:
        found.append(
            Finding("Labels without images", f"Nothing is known here of {number(empty)} label(s): no image shows them.")
        )
    return found


Content = tuple[str, Html] | None
"""Introduction and body of a section; None where there is nothing to say."""


@dataclass(frozen=True)
class Subject:
    """All that goes into a report; `write_report` explains the fields."""

    evaluation: Evaluation
    card: ModelCard
    data_name: str
    split: str
    model_bytes: int | None
    history: tuple[EpochReport, ...]
    best_epoch: int | None
    calibration: Calibration | None
    mirroring: Mirroring | None
    settings: Mapping[str, object]
    versions: Mapping[str, str]
