"""Labelled images for calibration, and others for checking the accuracy."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgecls.dataset.formats.labelled_images import Dataset, LabelledImages, label_text
from edgecls.dataset.pixel_cache import CachedImages, cache_images
from edgecls.dataset.splits.partition import partition
from edgecls.errors import DatasetError, ImageError
from edgecls.image_spec import ImageSpec
from edgecls.model_card import ModelCard

__all__ = ["LabelledPixels", "MeasuringImages", "decode_measuring_images"]

CALIBRATION_IMAGES = 200
CALIBRATION_FRACTION = 1 / 3  # of all images, at most
MAX_PIXEL_BYTES = 400_000_000  # of decoded images: 2,600 of 224 x 224
NAMED_LABELS = 10  # in a message


@dataclass(frozen=True)
class LabelledPixels:
    """Images at the model's size.

    Attributes:
        pixels: uint8, ``[N, height, width, channels]``.
        label_ids: ``[N]``: index into the labels of the model.
    """

    pixels: npt.NDArray[np.uint8]
    label_ids: npt.NDArray[np.int64]


@dataclass(frozen=True)
class MeasuringImages:
    """Two splits without an image in common.

    Attributes:
        calibration: For choosing ranges.
        check: For measuring accuracy.
        failures: Why other images of the dataset could not be used.
    """

    calibration: LabelledPixels
    check: LabelledPixels
    failures: tuple[ImageError, ...]


def decode_measuring_images(
    dataset: Dataset,
    card: ModelCard,
    *,
    seed: int,
    workers: int,
    check: Dataset | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> MeasuringImages:
    """Split a dataset and decode it; or decode one to calibrate on and another to check on.

    A dataset with held-out splits is checked on those and calibrated on its training split. Any other is split at
    random, stratified by label; images with identical pixels at the model's size stay together, and labels with too
    few images to split are used for checking. Large datasets are subsampled, stratified too.

    Args:
        dataset: Images of all labels of the model, and of no others; a held-out split may lack some.
        card: The model's card.
        seed: Of the split.
        workers: Number of threads that decode.
        check: Images to check on instead, of labels of the model: the held-out splits, or all if there are none. Then
            `dataset` is for calibration only: its training split, or all.
        on_progress: Called with the number of images decoded and the total.

    Raises:
        DatasetError: Labels differ, nearly all labels have too few images, or they cannot be decoded.
    """
    _check_labels(dataset.labels, card)
    most = MAX_PIXEL_BYTES // int(np.prod(card.image.shape_hwc))
    if check is None and len(dataset.splits) == 1:
        whole = _decoded(_drawn(dataset.train, most, seed), card.image, workers, on_progress)
        return _divided(whole, card, seed)
    if check is not None:
        _check_labels(check.labels, card, may_lack=True)
    held_out = _held_out(check or dataset)
    drawn = [_drawn(dataset.train, CALIBRATION_IMAGES, seed), _drawn(held_out, most, seed)]
    total = sum(len(part.paths) for part in drawn)
    calibration = _decoded(drawn[0], card.image, workers, lambda done, _: on_progress(done, total))
    before = len(drawn[0].paths)
    checking = _decoded(drawn[1], card.image, workers, lambda done, _: on_progress(before + done, total))
    known = set(_digests(checking))
    fresh = [index for index, digest in enumerate(_digests(calibration)) if digest not in known]
    if not fresh:
        raise DatasetError("all calibration images are also among those to check on; give others to one of them")
    return MeasuringImages(
        _chosen(calibration, card, fresh),
        _chosen(checking, card, range(len(checking.label_ids))),
        calibration.failures + checking.failures,
    )


def _held_out(dataset: Dataset) -> LabelledImages:
    """Return the images of the held-out splits, or all if there are none."""
    splits = dataset.splits
    return Dataset(*(split for name, split in splits.items() if name != "train" or len(splits) == 1)).whole


def _check_labels(found: tuple[str, ...], card: ModelCard, *, may_lack: bool = False) -> None:
    wanted = {label_text(label) for label in card.labels}
    foreign, missing = sorted(set(found) - wanted), sorted(wanted - set(found))
    if may_lack and not foreign:
        return
    if foreign or missing:
        faults = [
            f"{what} {', '.join(map(repr, labels[:NAMED_LABELS]))}{' and more' if len(labels) > NAMED_LABELS else ''}"
            for what, labels in (("the model does not know", foreign), ("there are no images of", missing))
            if labels
        ]
        raise DatasetError(
            f"the labels of the images are not those of model {card.name!r}: {'; '.join(faults)}; "
            "give a dataset with just the labels of the model"
        )


def _drawn(images: LabelledImages, count: int, seed: int) -> LabelledImages:
    """Return `count` of the images, stratified by label, or all if there are fewer."""
    total = len(images.paths)
    if total <= count:
        return images
    # Each label is spread evenly over the whole order, so that any prefix is stratified.
    order = np.random.default_rng(seed).permutation(total)
    label_ids = np.asarray(images.label_ids)[order]
    place = np.empty(total)
    for label in np.unique(label_ids):
        (found,) = np.nonzero(label_ids == label)
        place[found] = (np.arange(len(found)) + 0.5) / len(found)
    kept = sorted(order[np.argsort(place, kind="stable")[:count]].tolist())
    return images.chosen(kept)


def _decoded(
    images: LabelledImages, spec: ImageSpec, workers: int, on_progress: Callable[[int, int], None]
) -> CachedImages:
    return cache_images(images, spec, workers=workers, on_progress=on_progress)


def _divided(whole: CachedImages, card: ModelCard, seed: int) -> MeasuringImages:
    total = len(whole.label_ids)
    calibration = max(1, min(CALIBRATION_IMAGES, int(total * CALIBRATION_FRACTION)))
    first_of: dict[bytes, int] = {}
    groups = [first_of.setdefault(digest, index) for index, digest in enumerate(_digests(whole))]
    label_ids: list[int] = whole.label_ids.tolist()
    ratios = (calibration, max(1, total - calibration))
    splits = partition(label_ids, groups, ratios, seed, labels=whole.labels, rare_in=1)
    return MeasuringImages(_chosen(whole, card, splits[0]), _chosen(whole, card, splits[1]), whole.failures)


def _digests(images: CachedImages) -> list[bytes]:
    return [hashlib.sha256(image).digest() for image in np.asarray(images.pixels)]


def _chosen(images: CachedImages, card: ModelCard, indices: Sequence[int]) -> LabelledPixels:
    places = {label_text(label): place for place, label in enumerate(card.labels)}
    model_ids = np.array([places[label] for label in images.labels], np.int64)
    chosen = np.asarray(indices, np.int64)
    pixels = np.asarray(images.pixels)
    return LabelledPixels(pixels[chosen], model_ids[images.label_ids[chosen]])
