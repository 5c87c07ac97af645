"""Small samples of a dataset to look at, as they are or with augmented versions next to them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgecls import image
from edgecls.dataset.augmentation.warp import WarpLimits, apply_warp, draw_warp
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import ImageError
from edgecls.image_spec import Color, Fit, ImageSpec
from edgecls.in_order import map_in_order

__all__ = ["LabelSamples", "draw_samples"]

DEFAULT_LIMITS = WarpLimits()


@dataclass(frozen=True)
class LabelSamples:
    """Samples of one label.

    Attributes:
        label: The label.
        total: How many images the label has.
        rows: For each sample the image, then its augmented versions; uint8 ``[side, side, 3]`` RGB.
        failures: Why images that were drawn cannot be read; others took their place.
    """

    label: str
    total: int
    rows: tuple[tuple[image.Pixels, ...], ...] = field(repr=False)
    failures: tuple[ImageError, ...]


def draw_samples(
    images: LabelledImages,
    *,
    per_label: int,
    side: int,
    seed: int,
    workers: int,
    versions: int = 0,
    limits: WarpLimits = DEFAULT_LIMITS,
) -> Iterator[LabelSamples]:
    """Draw samples of each label, label by label.

    Args:
        images: Where to draw from.
        per_label: Number of samples, at least 1; fewer if a label does not have as many readable images.
        side: Height and width of a sample in pixels; what does not fit into the square is cut off.
        seed: Same seed, same samples and versions.
        workers: Number of labels to work on at once.
        versions: Number of augmented versions of each sample, as `edgecls data augment` makes them.
        limits: How far these may differ from it.
    """
    spec = ImageSpec(side, side, Color.RGB, Fit.CROP)
    by_label: list[list[Path]] = [[] for _ in images.labels]
    for path, label_id in images:
        by_label[label_id].append(path)

    def read(path: Path) -> tuple[image.Pixels, ...]:
        data = image.read_file(path)
        if not versions:
            return (image.decode_to_fit(data, spec, name=str(path)),)
        pixels = image.decode(data, name=str(path))
        rng = np.random.default_rng([seed, *path.name.encode(errors="surrogateescape")])
        warped = [apply_warp(pixels, draw_warp(limits, rng)) for _ in range(versions)]
        return tuple(image.fit(version, spec) for version in (pixels, *warped))

    def draw(label_id: int) -> LabelSamples:
        paths = by_label[label_id]
        rows: list[tuple[image.Pixels, ...]] = []
        failures: list[ImageError] = []
        for index in np.random.default_rng([seed, label_id]).permutation(len(paths)).tolist():
            if len(rows) == per_label:
                break
            try:
                rows.append(read(paths[index]))
            except ImageError as error:
                failures.append(error)
        return LabelSamples(images.labels[label_id], len(paths), tuple(rows), tuple(failures))

    yield from map_in_order(draw, range(len(by_label)), workers=workers)
