"""Predictions and outcomes."""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from edgecls.errors import ImageError
from edgecls.model_card import UNKNOWN

if TYPE_CHECKING:
    from edgecls.runtime.notebook import ShownImage

__all__ = ["LabelScore", "Outcome", "Prediction", "unsure_of"]

REPR_LABELS = 3  # that are named in the text of a prediction


@dataclass(frozen=True)
class LabelScore:
    """One label and its probability, from 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True, repr=False)
class Prediction:
    """The answer for one image.

    Attributes:
        image: What the image is called.
        labels: The labels of the model, in its order.
        probabilities: One for each label, in the same order; they sum to 1.
        time_ms: Milliseconds from the encoded bytes to the answer: decoding, resizing, inference.
        unknown_threshold: Below this probability of the best label the answer is UNKNOWN; None for never.
        decode_ms: The part of `time_ms` for decoding and resizing.
        batch_size: Images that the network ran together, this one among them.
        queue_ms: The part of `time_ms` for waiting until the batch that ran before was done; 0 without batches.
    """

    image: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    time_ms: float
    unknown_threshold: float | None = None
    decode_ms: float = 0.0
    batch_size: int = 1
    queue_ms: float = 0.0

    shown_image: "ClassVar[ShownImage | None]" = None
    """Where notebooks get the image from; set on a prediction by the classifier that made it."""

    def __repr__(self) -> str:
        scores = ", ".join(f"{score.label} {score.probability:.4f}" for score in self.top(REPR_LABELS))
        more = ", ..." if len(self.labels) > REPR_LABELS else ""
        answer = "" if self.is_known else f"{UNKNOWN}: "
        return f"<Prediction {self.image!r}: {answer}{scores}{more}>"

    def _repr_html_(self) -> str:
        """Return the prediction as notebooks show it: the image, if it is known, and bars."""
        from edgecls.runtime.notebook import prediction_html

        return prediction_html(self, self.shown_image)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "shown_image"}

    @property
    def inference_ms(self) -> float:
        """The part of `time_ms` in which the network ran."""
        return self.time_ms - self.decode_ms - self.queue_ms

    @property
    def is_known(self) -> bool:
        """True if the best label is as probable as the model demands of an answer."""
        return self.unknown_threshold is None or self.probability >= self.unknown_threshold

    @property
    def label(self) -> str:
        """The answer: `best_label`, or UNKNOWN where that is not probable enough."""
        return self.best_label if self.is_known else UNKNOWN

    @property
    def best_label(self) -> str:
        """The most probable label, whatever its probability; of equals, the first."""
        return self.labels[self._best]

    @property
    def probability(self) -> float:
        """The probability of `best_label`."""
        return self.probabilities[self._best]

    @property
    def described(self) -> str:
        """The answer for people: the label, or "unknown" followed by the best label."""
        return self.best_label if self.is_known else unsure_of(self.best_label)

    def top(self, count: int) -> tuple[LabelScore, ...]:
        """Return the `count` most probable labels, or all if there are fewer, best first; also of an UNKNOWN answer.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"the number of labels must not be negative, got {count}")
        order = sorted(range(len(self.labels)), key=lambda index: -self.probabilities[index])
        return tuple(LabelScore(self.labels[index], self.probabilities[index]) for index in order[:count])

    def as_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Return the answer as every JSON output of edgecls holds it."""
        return {
            "image": self.image,
            "label": self.label,
            "known": self.is_known,
            "probability": round(self.probability, 6),
            "top": [{"label": score.label, "probability": round(score.probability, 6)} for score in self.top(top)],
            "time_ms": round(self.time_ms, 3),
        }

    @functools.cached_property
    def _best(self) -> int:
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)


@dataclass(frozen=True)
class Outcome:
    """The outcome for one of many images.

    Attributes:
        name: What the image is called.
        result: The prediction, or the error.
        drawings: Encoded images that show the answer, where somebody wanted them.
    """

    name: str
    result: Prediction | ImageError
    drawings: tuple[bytes, ...] = field(default=(), repr=False)

    def _repr_html_(self) -> str:
        """Return the outcome as notebooks show it."""
        from edgecls.runtime.notebook import outcome_html

        return outcome_html(self)


def unsure_of(label: str) -> str:
    """Return the text for an UNKNOWN answer whose most probable label is `label`."""
    return f"{UNKNOWN} ({label}?)"
