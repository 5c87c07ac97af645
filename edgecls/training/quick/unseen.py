"""What a head answers to images that it was not fitted to: held-out ones, or all of them by cross-validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.errors import DatasetError
from edgecls.evaluation.mirroring import Mirroring, mirroring_of
from edgecls.evaluation.record import Evaluation
from edgecls.evaluation.scores import TOP, Score, Scores
from edgecls.models.classical.linear import LinearClassifier, fit_and_cross_validate, fit_linear
from edgecls.models.classical.registry import FeatureRows, Probabilities, TrainingRows
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.machine.cores import usable_cores
from edgecls.training.images import PreparedImages

__all__ = ["Unseen", "fit_and_judge"]

FEW_IMAGES = 200  # up to which there are more folds, so that their heads are fitted to nearly as many as the final one
FOLDS_OF_FEW, FOLDS = 10, 5


@dataclass(frozen=True)
class Unseen:
    """The answers to images by heads that were not fitted to them.

    Attributes:
        indices: The images.
        label_ids: Their labels, ``[N]``.
        logits: Without a temperature, ``[N, K]``.
        mirrored: Those of their mirror images; None if these were not computed.
        folds: How many heads gave them, each fitted to the images of the other folds; None if one head did, and the
            images were held out.
    """

    indices: list[int]
    label_ids: npt.NDArray[np.int32]
    logits: npt.NDArray[np.float64]
    mirrored: npt.NDArray[np.float64] | None = None
    folds: int | None = None

    def probabilities(self, temperature: float) -> Probabilities:
        """Return the probabilities with a temperature."""
        scaled = self.logits / temperature
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def mirroring(self, labels: tuple[str, ...]) -> Mirroring | None:
        """Return the effect of mirroring; None if mirror images were not computed."""
        if self.mirrored is None:
            return None
        return mirroring_of(self.logits.argmax(axis=1), self.mirrored.argmax(axis=1), self.label_ids, labels)

    def evaluation(self, images: PreparedImages, *, temperature: float, unknown_threshold: float | None) -> Evaluation:
        """Return an evaluation of the answers; it has no times, as no image was read for it.

        Args:
            images: All images.
            temperature: Of the probabilities.
            unknown_threshold: Below this probability the answer is "unknown"; None for never.
        """
        cached = images.cached
        scores = Scores(cached.labels, self.label_ids.tolist())
        for place, row in enumerate(self.probabilities(temperature)):
            order, label_id = np.argsort(-row, kind="stable"), int(self.label_ids[place])
            scores.put(
                place,
                Score(
                    rank=int(np.flatnonzero(order == label_id)[0]),
                    true_probability=float(row[label_id]),
                    top_ids=tuple(order[:TOP].tolist()),
                    top_probabilities=tuple(row[order[:TOP]].tolist()),
                    time_ms=float("nan"),
                    familiarity=None,
                ),
            )
        return scores.evaluation(
            lambda place: Path(cached.names[self.indices[place]]),
            unknown_threshold=unknown_threshold,
            provider=Provider.CPU.value,
            workers=usable_cores(),
            duration_s=0.0,
            min_familiarity=None,
        )


def fit_and_judge(
    images: PreparedImages,
    rows: FeatureRows,
    groups: Mapping[Path, int],
    *,
    views: int,
    seed: int,
    balanced: bool,
) -> tuple[LinearClassifier, Unseen]:
    """Fit a head to the training images, and answer for images that it was not fitted to.

    These are the validation images; if there are none, all training images by cross-validation, except for those of
    labels that have a single image or group of images that look alike.

    Args:
        images: The images.
        rows: The features of the views of the training images, then those of the validation images.
        groups: A number for each image by its path, the same for those that look alike.
        views: Number of views of each training image; the second is mirrored.
        seed: Of the folds.
        balanced: Whether images of rare labels count more.

    Raises:
        DatasetError: Nothing can be held out for cross-validation.
    """
    cached, training = images.cached, images.train_indices
    alike = np.array([groups[Path(cached.names[index])] for index in training], np.int64)
    given = TrainingRows(
        features=rows[: views * len(training)],
        label_ids=np.tile(cached.label_ids[training], views),
        seed=seed,
        threads=usable_cores(),
        groups=np.tile(alike, views),
        views=views,
        balanced=balanced,
    )
    if images.validation_indices:
        fitted = fit_linear(given)
        label_ids = cached.label_ids[images.validation_indices]
        held_out = rows[views * len(training) :]
        return fitted, Unseen(images.validation_indices, label_ids, fitted.logits(held_out))
    fitted, crossed = fit_and_cross_validate(given, folds=FOLDS_OF_FEW if len(training) <= FEW_IMAGES else FOLDS)
    judged = np.flatnonzero(crossed.is_judged[: len(training)])
    if not len(judged):
        raise DatasetError(
            "no image can be left out to measure accuracy, because every label has a single one or nothing but look-"
            "alikes; add images, or hold images out with --val-split"
        )
    by_view = crossed.log_probabilities.reshape(views, len(training), -1)[:, judged]
    chosen = [training[place] for place in judged]
    return fitted, Unseen(
        chosen, cached.label_ids[chosen], by_view[0], by_view[1] if views > 1 else None, crossed.folds
    )
