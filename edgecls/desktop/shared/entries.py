"""What the window knows of each image: its answer in few bytes, the correction, and the group it belongs to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from edgecls.model_card import UNKNOWN
from edgecls.runtime.prediction import LabelScore, Prediction, UnknownReason

__all__ = ["ALL", "CORRECTED", "SHOWN_LABELS", "Answer", "Entry", "Group", "Kind"]

SHOWN_LABELS = 5  # whose probabilities are kept of each answer: a model may have thousands
UNSURE_BELOW = 0.8  # probability; such answers, and unknown ones, are worth a look


class Kind(StrEnum):
    """What the images of a group have in common."""

    ALL = "all"
    CORRECTED = "corrected"
    LABEL = "label"
    UNDECIDED = "undecided"
    UNLIKE = "unlike"
    WAITING = "waiting"
    FAILED = "failed"


class Group(NamedTuple):
    """Images that are shown together; `label` is empty unless the kind is LABEL."""

    kind: Kind
    label: str = ""


ALL, CORRECTED = Group(Kind.ALL), Group(Kind.CORRECTED)
"""The groups that also hold the images of others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for an image.

    Attributes:
        scores: The most probable labels, best first, at most SHOWN_LABELS.
        reason: Why the answer is unknown; None if it is known.
        familiarity: As `Prediction` has it.
        min_familiarity: As `Prediction` has it.
        time_ms: As `Prediction` has it.
    """

    scores: tuple[LabelScore, ...]
    reason: UnknownReason | None
    familiarity: float | None
    min_familiarity: float | None
    time_ms: float

    @classmethod
    def of(cls, prediction: Prediction) -> "Answer":
        """Return what is kept of a prediction."""
        return cls(
            prediction.top(SHOWN_LABELS),
            prediction.unknown_reason,
            prediction.familiarity,
            prediction.min_familiarity,
            prediction.time_ms,
        )

    @property
    def best(self) -> LabelScore:
        """The most probable label."""
        return self.scores[0]

    @property
    def label(self) -> str:
        """The label of the answer, or UNKNOWN."""
        return self.best.label if self.reason is None else UNKNOWN


class Entry:
    """One image in the window.

    Attributes:
        path: Where it is.
        answer: The model's; None before it is there.
        fault: Why there is no answer; None if there is one, or none yet.
        correction: The label that the user set; None for none.
    """

    __slots__ = ("answer", "correction", "fault", "path")

    def __init__(self, path: str, correction: str | None = None) -> None:
        self.path = path
        self.answer: Answer | None = None
        self.fault: str | None = None
        self.correction = correction

    @property
    def label(self) -> str | None:
        """What the image counts as: the user's label, or else the model's, which may be UNKNOWN; None before that."""
        if self.correction is not None:
            return self.correction
        return None if self.answer is None else self.answer.label

    @property
    def is_done(self) -> bool:
        """True if the model has nothing to do here."""
        return self.answer is not None or self.fault is not None

    @property
    def is_unsure(self) -> bool:
        """True if the answer is worth a look: it is unknown or not very probable, and was not corrected."""
        if self.correction is not None or self.answer is None:
            return False
        return self.answer.reason is not None or self.answer.best.probability < UNSURE_BELOW

    @property
    def group(self) -> Group:
        """The group that it is counted in."""
        if self.correction is not None:
            return Group(Kind.LABEL, self.correction)
        if self.fault is not None:
            return Group(Kind.FAILED)
        if self.answer is None:
            return Group(Kind.WAITING)
        if self.answer.reason is not None:
            return Group(Kind(self.answer.reason))
        return Group(Kind.LABEL, self.answer.best.label)

    def is_in(self, group: Group) -> bool:
        """True if a group shows it."""
        if group.kind is Kind.ALL:
            return True
        if group.kind is Kind.CORRECTED:
            return self.correction is not None
        return self.group == group
