"""The decoded images of a training run: decoding them to the model's size, and where they are kept meanwhile."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.dataset.cache_kind import Cache
from edgecls.dataset.formats.labelled_images import LabelledImages
from edgecls.errors import DatasetError, ImageError
from edgecls.image_spec import ImageSpec
from edgecls.in_order import map_in_order

__all__ = ["CachedImages", "StreamedPixels", "Views", "allocate_pixels", "cache_images", "choose_cache"]

MEMORY_FRACTION = 0.5  # of what is free; the rest is for the network and its batches
DISK_FRACTION = 0.8  # of what is free


@dataclass(frozen=True)
class CachedImages:
    """The images of a dataset that could be decoded.

    Attributes:
        labels: All labels.
        pixels: uint8, ``[N, height, width, channels]``: an array, or what decodes images when it
            is indexed like one.
        label_ids: int32, ``[N]``: index into `labels`.
        names: The name of each image: its path.
        positions: int64, ``[N]``: its index among the images that were asked for.
        failures: Why each of the other images could not be used.
        sha256: Fingerprint of the used images and their labels, whatever their names and order.
    """

    labels: tuple[str, ...]
    pixels: "npt.NDArray[np.uint8] | StreamedPixels"
    label_ids: npt.NDArray[np.int32]
    names: tuple[str, ...]
    positions: npt.NDArray[np.int64]
    failures: tuple[ImageError, ...]
    sha256: str

    @property
    def counts(self) -> dict[str, int]:
        """Number of usable images for each label."""
        counted = np.bincount(self.label_ids, minlength=len(self.labels))
        return dict(zip(self.labels, counted.tolist(), strict=True))


def cache_images(
    images: LabelledImages,
    spec: ImageSpec,
    *,
    workers: int,
    cache: Cache = Cache.MEMORY,
    folder: Path = Path(),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> CachedImages:
    """Decode all images to the model's size.

    An image that cannot be decoded is left out and listed, so that one damaged file does not end a
    training run. With Cache.STREAM, all are decoded once to find such files, and none is kept.

    Args:
        images: What to decode.
        spec: The size, colour and fit rule.
        workers: Number of threads that decode.
        cache: Where the decoded images are kept; not AUTO.
        folder: Where the file of Cache.DISK goes; it has no name and needs no removing.
        on_progress: Called with the number of images done and the number of all.

    Raises:
        DatasetError: None of the images of a label can be decoded, or there is not enough space for all.
    """
    total = len(images.paths)
    pixels = allocate_pixels((total, *spec.shape_hwc), cache, folder=folder)
    kept: list[int] = []
    failures: list[ImageError] = []
    digests: list[bytes] = []

    def decode(path: Path) -> tuple[image.Pixels, bytes] | ImageError:
        try:
            data = image.read_file(path)
            return image.decode_to_fit(data, spec, name=str(path)), hashlib.sha256(data).digest()
        except ImageError as error:
            return error

    for index, outcome in enumerate(map_in_order(decode, images.paths, workers=workers)):
        if isinstance(outcome, ImageError):
            failures.append(outcome)
        else:
            if pixels is not None:
                pixels[len(kept)] = outcome[0]
            digests.append(images.labels[images.label_ids[index]].encode() + b"\0" + outcome[1])
            kept.append(index)
        on_progress(index + 1, total)
    label_ids = np.asarray([images.label_ids[index] for index in kept], np.int32)
    if lost := sorted(set(images.label_ids) - set(label_ids.tolist())):
        named = ", ".join(repr(images.labels[label_id]) for label_id in lost)
        raise DatasetError(f"no image of label {named} can be used; the first fault: {failures[0]}")
    paths = [images.paths[index] for index in kept]
    return CachedImages(
        labels=images.labels,
        pixels=StreamedPixels(paths, spec) if pixels is None else pixels[: len(kept)],
        label_ids=label_ids,
        names=tuple(map(str, paths)),
        positions=np.asarray(kept, np.int64),
        failures=tuple(failures),
        sha256=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
    )


def choose_cache(size_bytes: int, *, memory_bytes: int | None, disk_bytes: int) -> Cache:
    """Choose where decoded images are kept: in memory rather than on disk, on disk rather than nowhere.

    Args:
        size_bytes: What all of them take.
        memory_bytes: What is free in memory; None if unknown.
        disk_bytes: What is free on disk.
    """
    if memory_bytes is None or size_bytes <= memory_bytes * MEMORY_FRACTION:
        return Cache.MEMORY
    return Cache.DISK if size_bytes <= disk_bytes * DISK_FRACTION else Cache.STREAM


def allocate_pixels(shape: tuple[int, int, int, int], cache: Cache, *, folder: Path) -> npt.NDArray[np.uint8] | None:
    """Return an array of uint8 to put decoded images into, or None for Cache.STREAM.

    The file of Cache.DISK has no name: it disappears as soon as nobody uses it, however the process
    ends. Its whole size is allocated at once, so that a full disk fails here.

    Args:
        shape: ``(N, height, width, channels)``.
        cache: Not AUTO.
        folder: Where the file goes.

    Raises:
        DatasetError: There is not enough space.
    """
    size_bytes = int(np.prod(shape, dtype=np.int64))
    try:
        if cache is Cache.STREAM:
            return None
        if cache is Cache.MEMORY:
            return np.empty(shape, np.uint8)
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size_bytes)
            return np.memmap(file, np.uint8, mode="w+", shape=shape)
    except MemoryError as error:
        raise DatasetError(
            f"there is no memory for {size_bytes / 1e9:.1f} GB of decoded images; use --cache disk or stream"
        ) from error
    except OSError as error:
        raise DatasetError(
            f"cannot keep {size_bytes / 1e9:.1f} GB of decoded images in {str(folder)!r}: {error.strerror}; "
            "give another --cache-dir, or use --cache stream"
        ) from error


class StreamedPixels:
    """Behaves like an array of images, uint8 ``[N, height, width, channels]``, but decodes them on access.

    May be used from several threads at once.
    """

    def __init__(self, paths: Sequence[Path], spec: ImageSpec) -> None:
        self._paths = paths
        self._spec = spec
        self.shape = (len(paths), *spec.shape_hwc)
        self.dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, indices: int | Sequence[int] | npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """Return one image, ``[H, W, C]``, or several, ``[n, H, W, C]``.

        Raises:
            ImageError: An image cannot be decoded any more.
        """
        if isinstance(indices, int | np.integer):
            return self._decoded(int(indices))
        pixels = np.empty((len(indices), *self._spec.shape_hwc), np.uint8)
        for row, index in enumerate(indices):
            pixels[row] = self._decoded(int(index))
        return pixels

    def _decoded(self, index: int) -> npt.NDArray[np.uint8]:
        path = self._paths[index]
        return image.decode_to_fit(image.read_file(path), self._spec, name=str(path))


class Views:
    """Views of images by their numbers: the images as they are, then all of them mirrored left to right.

    Args:
        pixels: The images.
        count: Their number, N; number N + 3 is the second view of image 3.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8] | StreamedPixels, count: int) -> None:
        self._pixels, self._count = pixels, count

    def __getitem__(self, number: int, /) -> npt.NDArray[np.uint8]:
        """Return a view, uint8 ``[H, W, C]``."""
        is_mirrored, index = divmod(number, self._count)
        pixels = self._pixels[index]
        return np.ascontiguousarray(pixels[:, ::-1]) if is_mirrored else pixels
