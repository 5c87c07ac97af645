"""Samples of a dataset, small, to be looked at: as they are, or with augmented versions beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecls import image
from edgecls.dataset.augmentation.warp import WarpLimits, apply_warp, draw_warp
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import ImageError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.in_order import map_in_order

__all__ = ["LabelSamples", "augmented_samples", "plain_samples"]


@dataclass(frozen=True)
class LabelSamples:
    """Samples of one label.

    Attributes:
        label: What they show.
        total: How many images the label has.
        rows: For each sample the image and, after it, augmented versions; uint8 ``[side, side, 3]`` RGB.
        failures: Why images that were drawn as samples cannot be shown; others took their place.
    """

    label: str
    total: int
    rows: tuple[tuple[image.Pixels, ...], ...] = field(repr=False)
    failures: tuple[ImageError, ...]


def plain_samples(
    images: LabelledImages, *, per_label: int, side: int, seed: int, workers: int
) -> Iterator[LabelSamples]:
    """Draw samples of each label, label by label.

    Args:
        images: Where to draw from.
        per_label: How many samples, at least 1; fewer where a label has not as many readable images.
        side: Height and width of a sample in pixels; what does not fit into the square is cut off.
        seed: Same seed, same samples.
        workers: How many labels to work on at once.
    """
    spec = ImageSpec(side, side, Color.RGB, Fit.CROP)

    def show(path: Path) -> tuple[image.Pixels, ...]:
        return (image.decode_to_fit(image.read_file(path), spec, name=str(path)),)

    return _samples(images, show, per_label, seed, workers)


def augmented_samples(
    images: LabelledImages,
    *,
    per_label: int,
    versions: int,
    limits: WarpLimits,
    side: int,
    seed: int,
    workers: int,
) -> Iterator[LabelSamples]:
    """Draw samples of each label, with augmented versions of each, as `edgecls data augment` would make them.

    Args:
        images: Where to draw from.
        per_label: As in `plain_samples`.
        versions: How many augmented versions of each sample.
        limits: How far they may differ from it.
        side: As in `plain_samples`.
        seed: As in `plain_samples`; of the amounts too.
        workers: As in `plain_samples`.
    """
    spec = ImageSpec(side, side, Color.RGB, Fit.CROP)

    def show(path: Path) -> tuple[image.Pixels, ...]:
        pixels = image.decode(image.read_file(path), name=str(path))
        rng = np.random.default_rng([seed, *str(path.name).encode(errors="surrogateescape")])
        warped = [apply_warp(pixels, draw_warp(limits, rng)) for _ in range(versions)]
        return tuple(image.fit(version, spec) for version in (pixels, *warped))

    return _samples(images, show, per_label, seed, workers)


def _samples(
    images: LabelledImages,
    show: Callable[[Path], tuple[image.Pixels, ...]],
    per_label: int,
    seed: int,
    workers: int,
) -> Iterator[LabelSamples]:
    by_label: list[list[Path]] = [[] for _ in images.labels]
    for path, label_id in zip(images.paths, images.label_ids, strict=True):
        by_label[label_id].append(path)

    def draw(label_id: int) -> LabelSamples:
        paths = by_label[label_id]
        order = np.random.default_rng([seed, label_id]).permutation(len(paths)).tolist()
        rows, failures = _first_usable([paths[index] for index in order], show, per_label)
        return LabelSamples(images.labels[label_id], len(paths), rows, failures)

    yield from map_in_order(draw, range(len(by_label)), workers=workers)


def _first_usable(
    paths: Sequence[Path], show: Callable[[Path], tuple[image.Pixels, ...]], count: int
) -> tuple[tuple[tuple[image.Pixels, ...], ...], tuple[ImageError, ...]]:
    rows: list[tuple[image.Pixels, ...]] = []
    failures: list[ImageError] = []
    for path in paths:
        if len(rows) == count:
            break
        try:
            rows.append(show(path))
        except ImageError as error:
            failures.append(error)
    return tuple(rows), tuple(failures)
