"""Which images of a pool to label next: those that the model is unsure of, and each unlike the others."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls.atomic_write import whole_files
from edgecls.dataset.similarity.groups import keep_together
from edgecls.errors import DatasetError, ImageError, OutputError
from edgecls.export.familiarity.features import FeatureRows
from edgecls.export.familiarity.prototypes import normalized
from edgecls.file_moves import copy_file
from edgecls.image_files import find_images
from edgecls.runtime.classifier import Classifier
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.many_images import classify_stream, file_source

__all__ = [
    "COLUMNS",
    "LIST_NAME",
    "Pick",
    "PickListener",
    "Picks",
    "check_folder",
    "pick_diverse",
    "pick_images",
    "write_picks",
]

COLUMNS = ("rank", "file", "path", "predicted", "probability", "second", "second_probability", "familiarity", "why")
LIST_NAME = "picks.csv"

CANDIDATES = 20_000  # the least sure images that are compared with each other
POWER = 2.0
"""Of the doubt about an image, as its weight. With 1 more of the typical images are picked, with 4 fewer."""

ROUNDS = 15  # of k-means


@dataclass(frozen=True)
class Pick:
    """An image to label.

    Attributes:
        path: The image.
        predicted: The most probable label.
        probability: Its probability.
        second: The label after that.
        second_probability: Its probability.
        familiarity: How much the image is like the training images; None if the model does not judge that.
        is_unlike: Whether it is less like them than the model demands.
        doubt: 0 for an image that the model is sure of, 1 for one that it cannot decide, or that is unlike all.
    """

    path: Path
    predicted: str
    probability: float
    second: str
    second_probability: float
    familiarity: float | None
    is_unlike: bool
    doubt: float


@dataclass(frozen=True)
class Picks:
    """The result of picking.

    Attributes:
        picked: The images, the most doubtful first.
        pool: Number of images in the pool.
        left_out: Number of images of the pool that look like another one of it, or like one that is labelled.
        failures: Why other images cannot be used.
    """

    picked: tuple[Pick, ...]
    pool: int
    left_out: int
    failures: tuple[ImageError, ...]


@dataclass(frozen=True)
class PickListener:
    """Callbacks for the progress of picking; each does nothing by default.

    Attributes:
        on_compared: Number of images read to find look-alikes, number of all.
        on_classified: Number of images classified, number of all.
    """

    on_compared: Callable[[int, int], None] = field(default=lambda done, total: None)
    on_classified: Callable[[int, int], None] = field(default=lambda done, total: None)


def pick_images(
    pool: Path,
    classifier: Classifier,
    count: int,
    *,
    labelled: Sequence[Path] = (),
    foreign: bool = True,
    seed: int = 0,
    listener: PickListener | None = None,
) -> Picks:
    """Pick images of a pool that are worth labelling most.

    The model should be unsure of them: two labels are nearly as probable, or they are unlike the training images. And
    they should differ: k-means divides the features of the pool, each image counting by the doubt about it, into as
    many parts as images are wanted, and the image nearest to the middle of each part is picked.

    Args:
        pool: A folder of images, in any folders below it.
        classifier: The model, opened for features.
        count: Number of images to pick, at least 1; fewer if the pool has not as many that differ.
        labelled: Images that are labelled already; none that looks like one of them is picked.
        foreign: Whether images unlike the training images may be picked.
        seed: Of k-means.
        listener: Callbacks for its progress.

    Raises:
        DatasetError: The pool has no image that can be used.
        MissingExtraError: ImageHash is not installed.
    """
    listener = listener or PickListener()
    paths = find_images(pool)
    if not paths:
        raise DatasetError(f"{str(pool)!r} has no images; give a folder of images that are to be labelled")
    kept = keep_together([*labelled, *paths], workers=usable_cores(), on_progress=listener.on_compared)
    groups = kept.groups[len(labelled) :]
    seen = set(kept.groups[: len(labelled)])
    different: dict[int, Path] = {}
    for path, group in zip(paths, groups, strict=True):
        if group not in seen:
            different.setdefault(group, path)
    left = list(different.values())
    candidates, rows, failures = _candidates(left, classifier, foreign=foreign, listener=listener)
    if not candidates:
        alike = len(paths) - len(left)
        raise DatasetError(
            f"none of the {len(paths)} images of {str(pool)!r} can be picked: {alike} look like others or labelled "
            f"ones, {len(failures)} cannot be used, the rest is unlike the training images"
            + (f"; the first fault: {failures[0]}" if failures else "")
        )
    doubts = np.array([candidate.doubt for candidate in candidates])
    chosen = pick_diverse(rows, doubts, count, seed=seed)
    picked = sorted((candidates[index] for index in chosen.tolist()), key=lambda one: -one.doubt)
    return Picks(tuple(picked), len(paths), len(paths) - len(left), failures)


def pick_diverse(
    rows: FeatureRows, doubts: npt.NDArray[np.float64], count: int, *, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Return which images to label: doubtful ones that differ.

    It is weighted k-means on directions (Prabhu et al., "Active Domain Adaptation via Clustering Uncertainty-weighted
    Embeddings", ICCV 2021, with the margin as doubt). Picking the most doubtful images only, or the most different of
    these, was less accurate on flowers, as many of them are odd.

    Args:
        rows: Features, ``[N, D]``.
        doubts: From 0 to 1, ``[N]``.
        count: Number of images.
        seed: Of the first middles.

    Returns:
        Their indices, as many as asked for or all.
    """
    if count >= len(rows):
        return np.arange(len(rows))
    directions = normalized(rows)
    weights = np.maximum(doubts, 1e-3) ** POWER
    rng = np.random.default_rng(seed)
    chosen = [int(rng.choice(len(rows), p=weights / weights.sum()))]
    distances = np.maximum(1 - directions @ directions[chosen[0]], 0)
    for _ in range(count - 1):
        shares = distances.astype(np.float64) * weights
        shares[chosen] = 0
        total = shares.sum()
        if total <= 0:  # all are the same as one of those chosen
            shares = np.ones(len(rows))
            shares[chosen] = 0
            total = shares.sum()
        chosen.append(int(rng.choice(len(rows), p=shares / total)))
        np.minimum(distances, np.maximum(1 - directions @ directions[chosen[-1]], 0), out=distances)
    middles = directions[chosen].copy()
    for _ in range(ROUNDS):
        nearest = (directions @ middles.T).argmax(axis=1)
        parts = ((nearest == np.arange(count)[:, np.newaxis]) * weights).astype(np.float32)
        filled = parts.any(axis=1)
        middles[filled] = normalized(parts[filled] @ directions)
    cosines = directions @ middles.T
    found: list[int] = []
    for part in range(count):
        column = cosines[:, part].copy()
        column[found] = -np.inf
        found.append(int(column.argmax()))
    return np.array(found, np.int64)


def check_folder(folder: Path) -> None:
    """Refuse a folder for picked images that is neither new nor empty.

    Raises:
        OutputError: It is not.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{str(folder)!r} is not an empty folder; choose a new one")
    except OSError as error:
        raise OutputError(f"cannot use folder {str(folder)!r}: {error.strerror or error}") from error


def write_picks(picks: Picks, folder: Path) -> Path:
    """Copy picked images into a folder, numbered by how doubtful they are, and list them in a CSV file.

    Args:
        picks: The images.
        folder: New or empty.

    Returns:
        Where the list is.

    Raises:
        OutputError: The folder is not empty, or cannot be written to.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    digits = len(str(len(picks.picked)))
    check_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rank, pick in enumerate(picks.picked, 1):
            name = f"{rank:0{digits}}-{pick.path.name}"
            copy_file(pick.path, folder / name)
            familiarity = "" if pick.familiarity is None else f"{pick.familiarity:.4f}"
            probabilities = f"{pick.probability:.4f}", f"{pick.second_probability:.4f}"
            why = "unlike the training images" if pick.is_unlike else f"doubt {pick.doubt:.2f}"
            writer.writerow(
                [
                    *(rank, name, pick.path, pick.predicted, probabilities[0], pick.second, probabilities[1]),
                    *(familiarity, why),
                ]
            )
        listed = folder / LIST_NAME
        with whole_files(listed) as (temporary,):
            temporary.write_bytes(out.getvalue().encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OutputError(f"cannot copy images to {str(folder)!r}: {error.strerror or error}") from error
    return listed


def _candidates(
    paths: Sequence[Path], classifier: Classifier, *, foreign: bool, listener: PickListener
) -> tuple[list[Pick], FeatureRows, tuple[ImageError, ...]]:
    """Return the least sure images with their features, at most CANDIDATES."""
    found: list[tuple[Pick, npt.NDArray[np.float32]]] = []
    failures: list[ImageError] = []
    sources = [file_source(str(path)) for path in paths]
    for done, outcome in enumerate(classify_stream(classifier, sources, workers=usable_cores()), 1):
        answer = outcome.result
        listener.on_classified(done, len(paths))
        if isinstance(answer, ImageError):
            failures.append(answer)
            continue
        best, second = answer.top(2)
        is_unlike = answer.unknown_reason == "unlike"
        if (is_unlike and not foreign) or answer.features is None:
            continue
        doubt = 1.0 if is_unlike else 1 - (best.probability - second.probability)
        pick = Pick(
            path=paths[done - 1],
            predicted=best.label,
            probability=best.probability,
            second=second.label,
            second_probability=second.probability,
            familiarity=answer.familiarity,
            is_unlike=is_unlike,
            doubt=min(max(doubt, 0.0), 1.0),
        )
        found.append((pick, answer.features))
        if len(found) >= 2 * CANDIDATES:
            found = _least_sure(found)
    found = _least_sure(found)
    rows = np.stack([features for _, features in found]) if found else np.empty((0, 0), np.float32)
    return [pick for pick, _ in found], rows, tuple(failures)


def _least_sure(
    found: list[tuple[Pick, npt.NDArray[np.float32]]],
) -> list[tuple[Pick, npt.NDArray[np.float32]]]:
    return sorted(found, key=lambda one: -one[0].doubt)[:CANDIDATES]
