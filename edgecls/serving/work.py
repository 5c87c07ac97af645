"""What an application did for a request: noted by the routes, read by metrics and access log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgecls.runtime.prediction import Prediction
from edgecls.serving.http.answer import Answer

__all__ = ["WORK_KEY", "Work", "WorkedAnswer", "work_of"]

WORK_KEY = "edgecls.work"
"""Where the record of a request is found in its WSGI environment."""


@dataclass(slots=True)
class Work:
    """The record of one request, in seconds.

    Attributes:
        queue_s: It waited for a thread, whole.
        total_s: A thread worked on it.
        decode_s: The part of that for decoding and resizing pictures.
        infer_s: The part for running the network.
        model: Name of the model asked for; empty for none.
        answers: A label and its probability, from 0 to 1, for each picture that was classified.
        batch_sizes: For each of them, how many the network ran together.
    """

    queue_s: float = 0.0
    total_s: float = 0.0
    decode_s: float = 0.0
    infer_s: float = 0.0
    model: str = ""
    answers: list[tuple[str, float]] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)

    def ran(self, answers: Sequence[tuple[str, float]], *, infer_s: float) -> None:
        """Note a batch that came as one, by the answer for each picture."""
        self.infer_s += infer_s
        self.answers += answers
        self.batch_sizes += [len(answers)] * len(answers)

    def classified(self, prediction: Prediction) -> None:
        """Note a picture that was decoded and classified."""
        self.decode_s += prediction.decode_ms / 1000
        self.infer_s += (prediction.time_ms - prediction.decode_ms) / 1000
        self.answers.append((prediction.label, prediction.probability))
        self.batch_sizes.append(prediction.batch_size)


@dataclass(slots=True)
class WorkedAnswer(Answer):
    """An answer of the application.

    Attributes:
        work: How it came about.
    """

    work: Work = field(default_factory=Work)


def work_of(environ: Mapping[str, Any]) -> Work:
    """Return the record of a request; one that nobody reads if another server called the application."""
    return environ.get(WORK_KEY) or Work()
