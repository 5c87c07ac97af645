"""Statistics of a dataset: counts, sizes, balance, and mean and deviation of its colours."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from edgecls import image
from edgecls.dataset.formats.labelled_images import Dataset
from edgecls.errors import DatasetError, ImageError
from edgecls.image_formats import read_header
from edgecls.in_order import map_in_order

__all__ = ["ColorMoments", "DatasetStatistics", "ImageSize", "measure_dataset"]

MEGA = 1e6


@dataclass(frozen=True)
class ImageSize:
    """The size of an image.

    Attributes:
        width: In pixels, upright.
        height: In pixels, upright.
        size_bytes: Of its file.
        format: As in "JPEG".
    """

    width: int
    height: int
    size_bytes: int
    format: str


@dataclass(frozen=True)
class ColorMoments:
    """Sums over pixels, exact for any number of them.

    Attributes:
        pixels: Number of pixels.
        sums: Of the values, 0 to 255, of red, green and blue.
        square_sums: Of the squares of the values.
    """

    pixels: int = 0
    sums: tuple[int, ...] = (0, 0, 0)
    square_sums: tuple[int, ...] = (0, 0, 0)

    def __add__(self, other: "ColorMoments") -> "ColorMoments":
        return ColorMoments(
            self.pixels + other.pixels,
            tuple(map(sum, zip(self.sums, other.sums, strict=True))),
            tuple(map(sum, zip(self.square_sums, other.square_sums, strict=True))),
        )

    @property
    def mean_rgb(self) -> tuple[float, ...]:
        """Mean of red, green and blue over all pixels, 0 to 1."""
        return tuple(total / (255 * self.pixels) for total in self.sums)

    @property
    def std_rgb(self) -> tuple[float, ...]:
        """Standard deviation of red, green and blue over all pixels, 0 to 0.5."""
        squared = (self.pixels * squares - total**2 for total, squares in zip(self.sums, self.square_sums, strict=True))
        return tuple(math.sqrt(value / (255 * self.pixels) ** 2) for value in squared)


@dataclass(frozen=True)
class DatasetStatistics:
    """Statistics of a dataset.

    Attributes:
        labels: All labels.
        counts: For each split, by its name, the number of images for each label; unreadable ones included.
        sizes: Of the readable images, in the order of the dataset.
        moments: Of the pixels of all readable images, each at its full size.
        failures: Why each of the other images cannot be read.
    """

    labels: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    sizes: tuple[ImageSize, ...] = field(repr=False)
    moments: ColorMoments
    failures: tuple[ImageError, ...]

    @property
    def totals(self) -> dict[str, int]:
        """Number of images for each label, over all splits."""
        return {label: sum(split[label] for split in self.counts.values()) for label in self.labels}

    @property
    def imbalance(self) -> float:
        """How many times more images the largest label has than the smallest, at least 1."""
        return max(self.totals.values()) / min(self.totals.values())

    @property
    def spreads(self) -> dict[str, tuple[float, float, float]]:
        """Smallest, median and largest width and height in pixels, megapixels and file size in bytes."""
        values: dict[str, list[float]] = {
            "width": [size.width for size in self.sizes],
            "height": [size.height for size in self.sizes],
            "megapixels": [size.width * size.height / MEGA for size in self.sizes],
            "bytes": [size.size_bytes for size in self.sizes],
        }
        return {name: (min(numbers), median(numbers), max(numbers)) for name, numbers in values.items()}

    @property
    def formats(self) -> dict[str, int]:
        """Number of readable images in each format, the most frequent first."""
        return dict(Counter(size.format for size in self.sizes).most_common())

    def as_dict(self) -> dict[str, Any]:
        """Return the statistics as printed in JSON."""
        return {
            "images": sum(self.totals.values()),
            "unreadable": [str(failure) for failure in self.failures],
            "labels": list(self.labels),
            "counts": {split: dict(counts) for split, counts in self.counts.items()},
            "imbalance": self.imbalance,
            "sizes": {
                name: dict(zip(("min", "median", "max"), spread, strict=True)) for name, spread in self.spreads.items()
            },
            "formats": self.formats,
            "pixels": self.moments.pixels,
            "mean_rgb": list(self.moments.mean_rgb),
            "std_rgb": list(self.moments.std_rgb),
        }


def measure_dataset(
    dataset: Dataset,
    *,
    workers: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> DatasetStatistics:
    """Read every image once and sum up its properties; only a few are in memory at a time.

    Args:
        dataset: The images.
        workers: Number of images to decode at once.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        DatasetError: No image can be read.
    """
    paths = dataset.whole.paths
    moments = ColorMoments()
    sizes: list[ImageSize] = []
    failures: list[ImageError] = []
    for count, outcome in enumerate(map_in_order(_measure, paths, workers=workers), 1):
        if isinstance(outcome, ImageError):
            failures.append(outcome)
        else:
            size, of_image = outcome
            sizes.append(size)
            moments += of_image
        on_progress(count, len(paths))
    if not sizes:
        raise DatasetError(f"none of the {len(paths)} images can be read; the first fault: {failures[0]}")
    counts = {name: split.counts for name, split in dataset.splits.items()}
    return DatasetStatistics(dataset.labels, counts, tuple(sizes), moments, tuple(failures))


def _measure(path: Path) -> tuple[ImageSize, ColorMoments] | ImageError:
    try:
        data = image.read_file(path)
        header = read_header(data, name=str(path))
        pixels = image.decode(data, name=str(path))
    except ImageError as error:
        return error
    height, width = header.upright_hw
    return ImageSize(width, height, len(data), header.format), _moments(pixels)


def _moments(pixels: image.Pixels) -> ColorMoments:
    channels = cv2.split(pixels)
    # Sums of whole numbers held as doubles, exact for far more pixels than an image may have. OpenCV takes
    # the root of the second and squares it again: rounding brings back the whole number.
    sums = tuple(round(total) for total in cv2.sumElems(pixels)[:3])
    square_sums = tuple(round(cv2.norm(channel, cv2.NORM_L2SQR)) for channel in channels)
    return ColorMoments(pixels.shape[0] * pixels.shape[1], sums, square_sums)
