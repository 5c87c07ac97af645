"""What a classifier answers."""

from dataclasses import dataclass
from typing import Any

__all__ = ["LabelScore", "Prediction"]


@dataclass(frozen=True)
class LabelScore:
    """One label and its probability, from 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        image: What the picture is called.
        labels: The labels of the model, in its order.
        probabilities: One for each label, in the same order; they sum to 1.
        time_ms: Milliseconds from the encoded bytes to the answer: decoding, resizing, inference.
    """

    image: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    time_ms: float

    @property
    def label(self) -> str:
        """The most probable label; of equals, the first."""
        return self.labels[self._best]

    @property
    def probability(self) -> float:
        """The probability of `label`."""
        return self.probabilities[self._best]

    def top(self, count: int) -> tuple[LabelScore, ...]:
        """Return the `count` most probable labels, or all if there are fewer, best first."""
        order = sorted(range(len(self.labels)), key=lambda index: -self.probabilities[index])
        return tuple(LabelScore(self.labels[index], self.probabilities[index]) for index in order[:count])

    def as_dict(self, *, top: int = 1) -> dict[str, Any]:
        """Return the answer as every JSON output of edgecls holds it."""
        return {
            "image": self.image,
            "label": self.label,
            "probability": round(self.probability, 6),
            "top": [{"label": score.label, "probability": round(score.probability, 6)} for score in self.top(top)],
            "time_ms": round(self.time_ms, 3),
        }

    @property
    def _best(self) -> int:
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)
