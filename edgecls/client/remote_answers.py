"""What a server answers, as records."""

from dataclasses import dataclass
from typing import Any

from edgecls.errors import ImageError
from edgecls.runtime.prediction import LabelScore

__all__ = ["RemoteModel", "RemoteOutcome", "RemotePrediction"]


@dataclass(frozen=True)
class RemotePrediction:
    """The answer of a server for one image.

    Attributes:
        image: What the image is called.
        label: The best label, or "unknown" where it is not probable enough.
        is_known: Whether the best label is as probable as the model demands.
        probability: Of the best label.
        top: The most probable labels, best first; as many as were asked for.
        time_ms: Milliseconds that the server worked on it: decoding, resizing, inference.
    """

    image: str
    label: str
    is_known: bool
    probability: float
    top: tuple[LabelScore, ...]
    time_ms: float

    @classmethod
    def from_json(cls, document: dict[str, Any], *, image: str) -> "RemotePrediction":
        """Read an answer; the image is called `image` whatever the server calls it."""
        scores = tuple(LabelScore(score["label"], score["probability"]) for score in document["top"])
        return cls(image, document["label"], document["known"], document["probability"], scores, document["time_ms"])


@dataclass(frozen=True)
class RemoteOutcome:
    """The outcome for one of many images.

    Attributes:
        name: What the image is called.
        result: The answer, or the fault that stood in its way.
    """

    name: str
    result: RemotePrediction | ImageError


@dataclass(frozen=True)
class RemoteModel:
    """A model that a server knows.

    Attributes:
        name: What requests call it.
        state: "READY", "LOADING" or "UNAVAILABLE".
        reason: Why it is not ready, or why a newer file was not taken; empty if all is well.
    """

    name: str
    state: str
    reason: str
