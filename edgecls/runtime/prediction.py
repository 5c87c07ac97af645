"""Predictions and outcomes."""

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from edgecls.errors import ImageError
from edgecls.model_card import UNKNOWN

if TYPE_CHECKING:  # the client, which imports this module, needs no numpy
    import numpy as np
    import numpy.typing as npt

    from edgecls.runtime.appearance import Appearance
    from edgecls.runtime.notebook import ShownImage

__all__ = ["LabelScore", "Outcome", "Prediction", "UnknownReason"]

REPR_LABELS = 3  # that are named in the text of a prediction

UnknownReason = Literal["unlike", "undecided"]
"""Why an answer is UNKNOWN: the image is unlike the training images, or no label is probable enough."""


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
        familiarity: Larger for images that are more like the training images; None if the model does not judge that.
        min_familiarity: Below this familiarity the answer is UNKNOWN; None for never.
        features: float32, ``[D]``: what describes the image, not normalised; None unless the model was opened for
            features.
        appearance: What it looks like; None unless the classifier measures that.
    """

    image: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    time_ms: float
    unknown_threshold: float | None = None
    decode_ms: float = 0.0
    batch_size: int = 1
    queue_ms: float = 0.0
    familiarity: float | None = None
    min_familiarity: float | None = None
    features: "npt.NDArray[np.float32] | None" = field(default=None, compare=False)
    appearance: "Appearance | None" = field(default=None, compare=False)

    shown_image: "ClassVar[ShownImage | None]" = None
    """Where notebooks get the image from; set on a prediction by the classifier that made it."""

    def __repr__(self) -> str:
        scores = ", ".join(f"{score.label} {score.probability:.4f}" for score in self.top(REPR_LABELS))
        more = ", ..." if len(self.labels) > REPR_LABELS else ""
        answer = "" if self.is_known else f"{UNKNOWN} ({self.unknown_reason}): "
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
        """True if the image is like the training images, and a label as probable as the model demands of an answer."""
        return self.unknown_reason is None

    @functools.cached_property
    def unknown_reason(self) -> UnknownReason | None:
        """Why the answer is UNKNOWN: "unlike" the training images, or else "undecided"; None if it is known."""
        is_judged = self.familiarity is not None and self.min_familiarity is not None
        if is_judged and not self.familiarity >= self.min_familiarity:  # type: ignore[operator]  # nor is NaN
            return "unlike"
        if self.unknown_threshold is not None and self.probability < self.unknown_threshold:
            return "undecided"
        return None

    @property
    def reason_text(self) -> str:
        """Why the answer is UNKNOWN, for people; empty if it is known."""
        if self.is_known:
            return ""
        if self.unknown_reason == "unlike":
            return "unlike the training images"
        return f"undecided between {' and '.join(score.label for score in self.top(2))}"

    @property
    def label(self) -> str:
        """The answer: `best_label`, or UNKNOWN, for `unknown_reason`."""
        return self.best_label if self.is_known else UNKNOWN

    @property
    def best_label(self) -> str:
        """The most probable label, whatever its probability; of equals, the first."""
        return self.labels[self._best]

    @property
    def best_index(self) -> int:
        """The index of `best_label` among the labels."""
        return self._best

    @property
    def probability(self) -> float:
        """The probability of `best_label`."""
        return self.probabilities[self._best]

    @property
    def described(self) -> str:
        """The answer for people: the label, or "unknown" with the reason and what the image is closest to."""
        if self.is_known:
            return self.best_label
        guess = f" ({self.best_label}?)" if self.unknown_reason == "unlike" else ""
        return f"{UNKNOWN}: {self.reason_text}{guess}"

    def top(self, count: int) -> tuple[LabelScore, ...]:
        """Return the `count` most probable labels, or all if there are fewer, best first; also of an UNKNOWN answer.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"the number of labels must not be negative, got {count}")
        order = sorted(range(len(self.labels)), key=lambda index: -self.probabilities[index])
        return tuple(LabelScore(self.labels[index], self.probabilities[index]) for index in order[:count])

    def as_dict(self, *, top: int = 1, embedding: bool = False) -> dict[str, Any]:
        """Return the answer as every JSON output of edgecls holds it.

        Args:
            top: Number of best labels.
            embedding: Whether to add the features, if it has them.
        """
        document = {
            "image": self.image,
            "label": self.label,
            "known": self.is_known,
            "reason": self.unknown_reason,
            "probability": round(self.probability, 6),
            "familiarity": None if self.familiarity is None else round(self.familiarity, 6),
            "top": [{"label": score.label, "probability": round(score.probability, 6)} for score in self.top(top)],
            "time_ms": round(self.time_ms, 3),
        }
        if embedding and self.features is not None:
            document["embedding"] = [round(value, 6) for value in self.features.tolist()]
        return document

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

    def as_row(self, *, top: int = 1, embedding: bool = False) -> dict[str, Any]:
        """Return the outcome as files of results and JSON lines hold it: the answer, or the error under "error".

        Args:
            top: Number of best labels.
            embedding: Whether to add the features, if there are any.
        """
        if isinstance(self.result, Prediction):
            return self.result.as_dict(top=top, embedding=embedding)
        return {"image": self.name, "error": self.result.as_dict()}

    def _repr_html_(self) -> str:
        """Return the outcome as notebooks show it."""
        from edgecls.runtime.notebook import outcome_html

        return outcome_html(self)
