"""What an evaluation keeps of each image: a few numbers, gathered in any order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from edgecls.errors import DatasetError, ImageError
from edgecls.evaluation.record import Evaluation, ImagePath
from edgecls.runtime.prediction import Prediction

__all__ = ["TOP", "Score", "Scores", "score_of"]

TOP = 3  # predictions that are kept of each image


@dataclass(frozen=True, slots=True)
class Score:
    """What is kept of an image that was classified, as `Evaluation` has it for all images.

    Attributes:
        rank: How many labels the model found more probable than the true one.
        true_probability: The probability of the true label.
        top_ids: The most probable labels, best first; `TOP` of them, or as many as the model has.
        top_probabilities: Their probabilities.
        time_ms: From the encoded bytes to the answer.
        familiarity: How much the image is like the training images; None if the model does not judge that.
    """

    rank: int
    true_probability: float
    top_ids: tuple[int, ...]
    top_probabilities: tuple[float, ...]
    time_ms: float
    familiarity: float | None


def score_of(prediction: Prediction, label_id: int) -> Score:
    """Return what is kept of a prediction.

    Args:
        prediction: The prediction.
        label_id: The true label, as an index into the labels of the model.
    """
    row = np.asarray(prediction.probabilities)
    order = np.argsort(-row, kind="stable")  # of equals the first, as Prediction has it
    return Score(
        int(np.flatnonzero(order == label_id)[0]),
        float(row[label_id]),
        tuple(order[:TOP].tolist()),
        tuple(row[order[:TOP]].tolist()),
        prediction.time_ms,
        prediction.familiarity,
    )


class Scores:
    """The scores of labelled images, by their places; a hundred bytes each.

    Args:
        labels: The labels of the model.
        label_ids: ``[N]``: the true label of each image, as an index into them.
    """

    def __init__(self, labels: tuple[str, ...], label_ids: Sequence[int]) -> None:
        total, top = len(label_ids), min(TOP, len(labels))
        self._labels = labels
        self._label_ids = np.asarray(label_ids, np.int64)
        self._is_scored = np.zeros(total, np.bool_)
        self._ranks, self._top_ids = np.zeros(total, np.int64), np.zeros((total, top), np.int64)
        self._true_probabilities, self._times_ms = np.zeros(total), np.zeros(total)
        self._top_probabilities = np.zeros((total, top))
        self._familiarities, self._has_familiarity = np.zeros(total), False
        self._failures: dict[int, ImageError] = {}

    def put(self, place: int, result: Score | ImageError) -> None:
        """Take down the score of an image, or why it has none.

        Args:
            place: Index of the image.
            result: What became of it.
        """
        if isinstance(result, ImageError):
            self._failures[place] = result
            return
        self._is_scored[place] = True
        self._ranks[place] = result.rank
        self._true_probabilities[place] = result.true_probability
        self._top_ids[place] = result.top_ids
        self._top_probabilities[place] = result.top_probabilities
        self._times_ms[place] = result.time_ms
        if result.familiarity is not None:
            self._familiarities[place] = result.familiarity
            self._has_familiarity = True

    def evaluation(
        self,
        path_of: Callable[[int], ImagePath],
        *,
        unknown_threshold: float | None,
        provider: str,
        workers: int,
        duration_s: float,
        min_familiarity: float | None,
    ) -> Evaluation:
        """Return the evaluation of the images that have a score, in their order.

        Args:
            path_of: Returns where an image is, by its place.
            unknown_threshold: As in `Evaluation`.
            provider: As in `Evaluation`.
            workers: As in `Evaluation`.
            duration_s: As in `Evaluation`.
            min_familiarity: As in `Evaluation`.

        Raises:
            DatasetError: No image has a score.
        """
        failures = {str(path_of(place)): self._failures[place] for place in sorted(self._failures)}
        places = np.flatnonzero(self._is_scored)
        if not len(places):
            first = next(iter(failures.values()), "there are no images")
            raise DatasetError(
                f"none of the {len(self._label_ids)} images could be classified; the first fault: {first}"
            )
        return Evaluation(
            labels=self._labels,
            paths=tuple(map(path_of, places.tolist())),
            label_ids=self._label_ids[places],
            ranks=self._ranks[places],
            true_probabilities=self._true_probabilities[places],
            top_ids=self._top_ids[places],
            top_probabilities=self._top_probabilities[places],
            times_ms=self._times_ms[places],
            failures=failures,
            unknown_threshold=unknown_threshold,
            provider=provider,
            workers=workers,
            duration_s=duration_s,
            familiarities=self._familiarities[places] if self._has_familiarity else None,
            min_familiarity=min_familiarity,
        )
