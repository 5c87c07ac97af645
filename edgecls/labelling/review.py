"""Which images of a dataset are probably labelled wrongly."""

import os
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.dataset.formats.read import read_dataset
from edgecls.dataset.similarity.groups import keep_together
from edgecls.errors import DatasetError, ImageError
from edgecls.extras import import_from_extra
from edgecls.labelling.doubt import Doubts, Neighbours, doubts, nearest_neighbours
from edgecls.labelling.features import compare_by_features
from edgecls.models.classical.features import Backbone
from edgecls.runtime.machine.cores import usable_cores

__all__ = ["Doubtful", "Neighbour", "Reason", "Review", "ReviewListener", "review_labels"]

LISTED_FROM = 0.2
"""Probability of a wrong label from which an image is listed."""

NEIGHBOURS_SHOWN = 4
CLOSE = 5  # neighbours of the same label whose mean cosine says how much an image is like the others of its label
FEW = 10  # images of a label, below which it has no outliers
SMALLEST_DOUBT = 1e-6
DEVIATIONS = 4.0  # standard ones below the median of its label, from which an image is an outlier
MEDIAN_DEVIATION = 0.6745  # of a normal distribution from its median, in standard deviations; outliers do not move it


class Reason(StrEnum):
    """Why an image is listed."""

    LABEL = "label"  # another label is more probable
    CONFLICT = "conflict"  # a look-alike has another label
    OUTLIER = "outlier"  # it is unlike the other images of its label, and of any other


@dataclass(frozen=True)
class Neighbour:
    """An image that is like a doubtful one, and its label."""

    path: Path
    label: str
    cosine: float


@dataclass(frozen=True)
class Doubtful:
    """An image whose label is to be looked at.

    Attributes:
        path: The image.
        given: Its label.
        suggested: The most probable other label; of an image that is only listed for its look-alikes, among theirs.
        wrong: The probability that the given label is wrong, 0 to 1.
        given_probability: The probability of the given label, by classifiers that have not seen the image.
        suggested_probability: The same of the suggested label.
        is_confident: Whether the suggested label is as probable as it usually is for images that have it.
        reasons: Why it is listed.
        neighbours: The images most like it, nearest first.
        look_alikes: Look-alikes that have another label.
    """

    path: Path
    given: str
    suggested: str
    wrong: float
    given_probability: float
    suggested_probability: float
    is_confident: bool
    reasons: tuple[Reason, ...]
    neighbours: tuple[Neighbour, ...]
    look_alikes: tuple[Neighbour, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as in JSON."""

        def shown(images: tuple[Neighbour, ...]) -> list[dict[str, Any]]:
            return [{"path": str(one.path), "label": one.label, "cosine": round(one.cosine, 4)} for one in images]

        return {
            "path": str(self.path),
            "given": self.given,
            "suggested": self.suggested,
            "wrong": round(self.wrong, 4),
            "given_probability": round(self.given_probability, 4),
            "suggested_probability": round(self.suggested_probability, 4),
            "confident": self.is_confident,
            "reasons": [str(reason) for reason in self.reasons],
            "neighbours": shown(self.neighbours),
            "look_alikes": shown(self.look_alikes),
        }


@dataclass(frozen=True)
class Review:
    """The result of a review.

    Attributes:
        data: The dataset.
        labels: All labels.
        images: Number of images that were reviewed.
        listed: The doubtful images, the most doubtful first.
        ranking: All images that were reviewed, as indices into `paths`, the most doubtful first.
        paths: The images.
        expected_wrong: How many of the listed images are expected to have a wrong label, by their probabilities.
        noise: The estimated share of wrong labels of all images.
        backbone: The network whose features they were compared by.
        failures: Why other images could not be reviewed.
    """

    data: Path
    labels: tuple[str, ...]
    images: int
    listed: tuple[Doubtful, ...]
    ranking: tuple[int, ...] = field(repr=False)
    paths: tuple[Path, ...] = field(repr=False)
    expected_wrong: float
    noise: float
    backbone: str
    failures: tuple[ImageError, ...]

    @property
    def counts(self) -> dict[Reason, int]:
        """Number of listed images for each reason, 0 included."""
        counted = Counter(reason for image in self.listed for reason in image.reasons)
        return {reason: counted[reason] for reason in Reason}

    def as_dict(self) -> dict[str, Any]:
        """Return the review as one JSON document."""
        return {
            "data": str(self.data),
            "summary": {
                "images": self.images,
                "labels": list(self.labels),
                "listed": len(self.listed),
                "reasons": {str(reason): count for reason, count in self.counts.items()},
                "expected_wrong": round(self.expected_wrong, 2),
                "estimated_noise": round(self.noise, 4),
                "backbone": self.backbone,
            },
            "images": [image.as_dict() for image in self.listed],
            "failures": [error.as_dict() for error in self.failures],
        }


@dataclass(frozen=True)
class ReviewListener:
    """Callbacks for the progress of a review; each does nothing by default.

    Attributes:
        on_compared: Number of images read to find look-alikes, number of all.
        on_decoded: Number of images decoded, number of all.
        on_features: Number of views whose features are computed, number of all.
        on_judging: The features are computed, judging starts.
    """

    on_compared: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_decoded: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_features: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_judging: Callable[[], None] = field(default=lambda: None)


def review_labels(
    data: Path,
    *,
    backbone: Backbone | None = None,
    listed_from: float = LISTED_FROM,
    most: int | None = None,
    kept: Collection[str] = (),
    seed: int = 0,
    folder: Path | None = None,
    listener: ReviewListener | None = None,
) -> Review:
    """Look for labels that are probably wrong; nothing is changed.

    Args:
        data: A dataset in any format that `read_dataset` supports; all splits are reviewed together.
        backbone: The network whose features images are compared by; None for the one that comes with edgecls.
        listed_from: The probability of a wrong label from which an image is listed.
        most: Number of images that are listed at most; None for all.
        kept: Absolute paths of images that somebody has looked at, which are not listed again.
        seed: Of the folds.
        folder: Where features go if they are many; None for the system's folder of temporary files.
        listener: Callbacks for its progress.

    Raises:
        DatasetError: The dataset cannot be read, no image of a label can be used, or all look alike.
        MissingExtraError: A package of the extra "quick" is not installed.
    """
    listener = listener or ReviewListener()
    for module in ("onnx", "imagehash"):  # before all the decoding
        import_from_extra(module, extra="quick", purpose="reviewing labels")
    found = read_dataset(data).whole
    together = keep_together(found.paths, workers=usable_cores(), on_progress=listener.on_compared)
    compared = compare_by_features(
        found,
        backbone=backbone,
        folder=folder,
        on_decoded=listener.on_decoded,
        on_features=listener.on_features,
    )
    listener.on_judging()
    images = found.chosen(compared.positions.tolist())
    groups = np.asarray(together.groups, np.int64)[compared.positions]
    if len(np.unique(groups)) < 2:
        raise DatasetError(
            f"all {len(groups)} usable images of {str(data)!r} look alike (edgecls data check lists them), so there is "
            "nothing to tell labels apart by; add other images"
        )
    near = nearest_neighbours(compared.rows, groups)
    judged = doubts(compared.rows, compared.label_ids, groups, near, labels=len(images.labels), seed=seed)
    likeness = _likeness(compared.rows, compared.label_ids, groups)
    conflicts = _conflicts(groups, compared.label_ids)
    judged = replace(judged, wrong=_one_of_them(judged.wrong, conflicts))
    reasons = _reasons(judged, compared.label_ids, near, likeness, conflicts, listed_from)
    order = np.lexsort([-_severity(reasons), -judged.wrong])
    is_kept = [os.path.abspath(path) in kept for path in images.paths]
    chosen = [int(index) for index in order if reasons[index] and not is_kept[index]][:most]
    listed = tuple(_doubtful(index, images, judged, near, reasons[index], conflicts.get(index, ())) for index in chosen)
    return Review(
        data=data,
        labels=images.labels,
        images=len(images.paths),
        listed=listed,
        ranking=tuple(order.tolist()),
        paths=images.paths,
        expected_wrong=float(judged.wrong[chosen].sum()),
        noise=judged.noise,
        backbone=compared.backbone,
        failures=compared.failures,
    )


def _reasons(
    judged: Doubts,
    label_ids: npt.NDArray[np.int32],
    near: Neighbours,
    likeness: npt.NDArray[np.float64],
    conflicts: dict[int, tuple[int, ...]],
    listed_from: float,
) -> list[tuple[Reason, ...]]:
    outliers = _outliers(likeness, label_ids, near)
    best = judged.probabilities.argmax(axis=1)
    is_other = (best != label_ids) & (judged.wrong >= listed_from)
    return [
        tuple(
            reason
            for reason, applies in (
                (Reason.LABEL, is_other[index]),
                (Reason.CONFLICT, index in conflicts),
                (Reason.OUTLIER, outliers[index]),
            )
            if applies
        )
        for index in range(len(label_ids))
    ]


def _severity(reasons: list[tuple[Reason, ...]]) -> npt.NDArray[np.int64]:
    """Return the order of images whose labels are equally doubtful: look-alikes under two labels first."""
    return np.array([2 * (Reason.CONFLICT in found) + (Reason.OUTLIER in found) for found in reasons], np.int64)


def _likeness(
    rows: npt.NDArray[np.float32], label_ids: npt.NDArray[np.int32], groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the mean cosine of each image to the nearest others of its label, ``[N]``; nan if there are none."""
    likeness = np.full(len(rows), np.nan)
    for label in np.unique(label_ids):
        members = np.flatnonzero(label_ids == label)
        if len(np.unique(groups[members])) > 1:
            found = nearest_neighbours(rows[members], groups[members], CLOSE).cosines.astype(np.float64)
            found[found < -1] = np.nan
            likeness[members] = np.nanmean(found, axis=1)
    return likeness


def _outliers(
    likeness: npt.NDArray[np.float64], label_ids: npt.NDArray[np.int32], near: Neighbours
) -> npt.NDArray[np.bool_]:
    """Return which images are far less like the others of their label than these are among themselves."""
    found = np.zeros(len(likeness), np.bool_)
    for label in np.unique(label_ids):
        members = np.flatnonzero((label_ids == label) & np.isfinite(likeness))
        if len(members) < FEW:
            continue
        middle = float(np.median(likeness[members]))
        below = middle - likeness[members][likeness[members] <= middle]
        limit = middle - DEVIATIONS * float(np.median(below)) / MEDIAN_DEVIATION
        found[members] = (likeness[members] < limit) & (near.cosines[members, 0] < middle)
    return found


def _conflicts(groups: npt.NDArray[np.int64], label_ids: npt.NDArray[np.int32]) -> dict[int, tuple[int, ...]]:
    """Return for each image that has look-alikes under another label which these are."""
    by_group: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        by_group.setdefault(group, []).append(index)
    found = {}
    for members in by_group.values():
        for index in members:
            others = tuple(other for other in members if label_ids[other] != label_ids[index])
            if others:
                found[index] = others
    return found


def _one_of_them(wrong: npt.NDArray[np.float64], conflicts: dict[int, tuple[int, ...]]) -> npt.NDArray[np.float64]:
    """Return the probabilities of wrong labels, given that of look-alikes with several labels not all are right."""
    found = wrong.copy()
    for index, others in conflicts.items():
        members = np.maximum(wrong[[index, *others]], SMALLEST_DOUBT)
        found[index] = members[0] / (1 - np.prod(1 - members))
    return found


def _doubtful(
    index: int,
    images: LabelledImages,
    judged: Doubts,
    near: Neighbours,
    reasons: tuple[Reason, ...],
    others: tuple[int, ...],
) -> Doubtful:
    given = images.label_ids[index]
    row = judged.probabilities[index].copy()
    own = float(row[given])
    row[given] = -1
    candidates = [images.label_ids[other] for other in others] if Reason.LABEL not in reasons else []
    suggested = max(candidates, key=row.__getitem__) if candidates else int(row.argmax())

    def neighbour(other: int, cosine: float) -> Neighbour:
        return Neighbour(images.paths[other], images.labels[images.label_ids[other]], cosine)

    return Doubtful(
        path=images.paths[index],
        given=images.labels[given],
        suggested=images.labels[suggested],
        wrong=float(judged.wrong[index]),
        given_probability=own,
        suggested_probability=float(row[suggested]),
        is_confident=bool(row[suggested] >= judged.thresholds[suggested]),
        reasons=reasons,
        neighbours=tuple(
            neighbour(int(other), float(cosine))
            for other, cosine in zip(near.indices[index], near.cosines[index], strict=True)
            if cosine >= -1
        )[:NEIGHBOURS_SHOWN],
        look_alikes=tuple(neighbour(other, 1.0) for other in others[:NEIGHBOURS_SHOWN]),
    )
