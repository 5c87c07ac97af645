"""Giving a model file a familiarity: one path for networks that were trained, fitted, adopted or exported."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import modelfile
from edgecls.errors import DatasetError, FamiliarityError, ImageError, ParityError
from edgecls.export.familiarity.features import FeatureRows, Pixels, compute_features, find_features
from edgecls.export.familiarity.graph import with_familiarity_output, with_features_output, without_familiarity_output
from edgecls.export.familiarity.prototypes import fit_prototypes
from edgecls.export.familiarity.thresholds import ENOUGH, choose_thresholds, cross_fitted, reference_scores
from edgecls.export.parity import BATCH_SIZES
from edgecls.export.proof import random_images
from edgecls.model_card import UNKNOWN
from edgecls.modelfile import ModelFile
from edgecls.runtime.execution.providers import Provider
from edgecls.runtime.golden import golden_batch
from edgecls.runtime.machine.cores import usable_cores
from edgecls.runtime.session import open_session

__all__ = ["FeaturesOfImages", "familiar", "familiar_by_images", "golden_tolerance", "without_familiarity"]

GOLDEN_TOLERANCES = {"float32": 2e-3, "float16": 5e-3, "int8": 0.02}
"""By precision; any other counts as int8. Other processors and providers sum in another order, and round in others.

Between the thresholds that 90 and that 98 % of images reach lie about 0.04.
"""

MAX_DIFFERENCE = 1e-4  # of the familiarity in the graph from the same in numpy, and of any probability from before
PROTOTYPES = "familiarity_prototypes"  # their number, among the settings of the training
MIN_IMAGES = 2
MOST_IMAGES = 100_000  # that features are computed of


@dataclass(frozen=True)
class FeaturesOfImages:
    """The features of images that a network was trained on, or of others of their kind.

    Attributes:
        rows: float32, ``[N, D]``, as the network computes them, N at least 2.
        groups: The label of each, ``[N]``; the same number for all if there are no labels.
        held_out: Those of images that are not in `rows`: float32, ``[M, D]``, M from 0.
        alike: A number for each image in `rows`, the same for those that look alike; None if that is not known.
    """

    rows: FeatureRows
    groups: npt.NDArray[np.int64]
    held_out: FeatureRows
    alike: npt.NDArray[np.int64] | None = None


def familiar_by_images(
    model: ModelFile,
    pixels: Pixels,
    groups: npt.NDArray[np.int64],
    training: Sequence[int],
    held_out: Sequence[int],
    *,
    folder: Path | None = None,
    on_failure: Callable[[ImageError], None] = lambda error: None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> ModelFile:
    """Return a model file that judges how familiar an image is, by the images it was trained on.

    Of more than MOST_IMAGES, as many are used, the same proportion of each group.

    Args:
        model: With or without a familiarity, which is replaced.
        pixels: Images at the model's size.
        groups: The label of each, ``[N]``; the same number for all if there are no labels.
        training: Which of them the network was trained on; at least two.
        held_out: Which others are of the same kind, for the threshold.
        folder: Where features go if they are many; None for the system's folder of temporary files.
        on_failure: Called with the reason why an image is left out.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        As `familiar`; and
        DatasetError: There are fewer than two images to fit to, or there is no space for the features.
    """
    model = _with_features(model, None)
    training, held_out = _drawn(training, groups), _drawn(held_out, groups)
    total = len(training) + len(held_out)

    def features(indices: Sequence[int], before: int) -> tuple[FeatureRows, list[int]]:
        return compute_features(
            model.onnx,
            pixels,
            indices,
            name=model.card.name,
            folder=folder,
            on_failure=on_failure,
            on_progress=lambda done, _: on_progress(before + done, total),
        )

    rows, kept = features(training, 0)
    if len(kept) < MIN_IMAGES:
        raise DatasetError(
            f"familiarity takes at least {MIN_IMAGES} images that the model was trained on, and {len(kept)} of "
            f"{len(training)} can be used; give more"
        )
    held_out_rows, _ = features(held_out, len(training))
    return familiar(model, FeaturesOfImages(rows, groups[np.asarray(kept, np.int64)], held_out_rows))


def familiar(model: ModelFile, features: FeaturesOfImages, *, tensor: str | None = None) -> ModelFile:
    """Return a model file that judges how familiar an image is, by the features of the images it was trained on.

    Args:
        model: With or without a familiarity, which is replaced.
        features: Of its images.
        tensor: The name of the features in its network; None if `find_features` finds them.

    Raises:
        FamiliarityError: The network has no features, there are too many groups of images, or one of the model's labels
            is "unknown".
        ParityError: The network computes another familiarity than numpy, or other probabilities than before.
        MissingExtraError: The package onnx is not installed.
    """
    model = _with_features(model, tensor)
    card, labels = model.card, len(model.card.labels)
    prototypes = fit_prototypes(features.rows, features.groups, labels=labels)
    held_out, training = prototypes.familiarity(features.held_out), np.empty(0, np.float32)
    if len(held_out) < ENOUGH:
        training = cross_fitted(features.rows, features.groups, labels=labels, alike=features.alike)
    facts = choose_thresholds(reference_scores(held_out, training))
    images = golden_batch(card)
    pixels = np.stack([*images, *random_images(card.image.shape_hwc).values()])
    rows, _ = compute_features(model.onnx, pixels, range(len(pixels)), name=card.name)
    expected = prototypes.familiarity(rows)
    samples = tuple(
        replace(sample, familiarity=float(score))
        for sample, score in zip(card.golden.samples, expected[: len(images)], strict=True)
    )
    card = replace(
        card,
        familiarity=facts,
        golden=replace(card.golden, samples=samples, familiarity_tolerance=golden_tolerance(card.precision)),
        training={**card.training, PROTOTYPES: len(prototypes.scales)},
    )
    onnx = modelfile.describe(with_familiarity_output(model.onnx, prototypes), card)
    made = modelfile.model_from_bytes(onnx, name=model.path)
    _check(model, made, pixels, expected)
    return made


def without_familiarity(model: ModelFile) -> ModelFile:
    """Return a model file without a familiarity; the very same if it has none."""
    if model.card.familiarity is None:
        return model
    card, golden = model.card, model.card.golden
    samples = tuple(replace(sample, familiarity=None) for sample in golden.samples)
    training = {key: value for key, value in card.training.items() if key != PROTOTYPES}
    card = replace(
        card,
        familiarity=None,
        golden=replace(golden, samples=samples, familiarity_tolerance=None),
        training=training,
    )
    onnx = modelfile.describe(without_familiarity_output(model.onnx), card)
    return modelfile.model_from_bytes(onnx, name=model.path)


def golden_tolerance(precision: str) -> float:
    """Return the least tolerance of the familiarity of golden samples for a precision, as model cards name it."""
    return GOLDEN_TOLERANCES.get(precision, GOLDEN_TOLERANCES["int8"])


def _with_features(model: ModelFile, tensor: str | None) -> ModelFile:
    """Return a model file with the output "features" and without a familiarity."""
    if UNKNOWN in model.card.labels:
        raise FamiliarityError(
            f"model {model.card.name!r} has a label {UNKNOWN!r}, so it cannot have a familiarity: its answers could "
            "not be told apart; rename the label"
        )
    model = without_familiarity(model)
    found = find_features(model.onnx, tensor=tensor)
    if found is None:
        raise FamiliarityError(
            f"model {model.card.name!r} ({model.card.architecture}) has no features that familiarity could be judged "
            "by: no layer pools a feature map, and none is dense"
        )
    onnx = with_features_output(model.onnx, found)
    return model if onnx is model.onnx else replace(model, onnx=onnx, _known_sha256=None)


def _drawn(indices: Sequence[int], groups: npt.NDArray[np.int64]) -> Sequence[int]:
    """Return all images, or MOST_IMAGES of them, the same proportion of each group."""
    if len(indices) <= MOST_IMAGES:
        return indices
    chosen = np.asarray(indices, np.int64)
    by_group = chosen[np.argsort(groups[chosen], kind="stable")]
    return list(by_group[np.linspace(0, len(by_group) - 1, MOST_IMAGES).astype(np.int64)])


def _check(
    before: ModelFile, made: ModelFile, pixels: npt.NDArray[np.uint8], expected: npt.NDArray[np.float32]
) -> None:
    """Refuse a file that answers otherwise than it did, or judges familiarity otherwise than numpy does."""
    old, new = (open_session(model, Provider.CPU, intra_op_threads=usable_cores()) for model in (before, made))
    known = np.concatenate([old.run(pixels[index : index + 1]) for index in range(len(pixels))])
    for size in BATCH_SIZES:
        for start in range(0, len(pixels) - size + 1, size):
            place = slice(start, start + size)
            answers = new.run_all(pixels[place])
            if answers.familiarity is None:
                raise ParityError(f"model {made.card.name!r} gives no familiarity")
            differences = {
                "probabilities": np.abs(answers.probabilities - known[place]).max(),
                "familiarity": np.abs(answers.familiarity - expected[place]).max(),
            }
            for what, difference in differences.items():
                if not difference <= MAX_DIFFERENCE:
                    raise ParityError(
                        f"with a familiarity, model {made.card.name!r} gives other {what} (largest difference "
                        f"{difference:.2g}, at most {MAX_DIFFERENCE:.2g} is allowed), so it was left as it was"
                    )
