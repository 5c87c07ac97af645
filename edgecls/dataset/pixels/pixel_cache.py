"""All pictures of a dataset as one array of uint8: decoded once, in parallel."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.dataset.forms.labelled_pictures import LabelledPictures
from edgecls.dataset.pixels.cache_kind import Cache
from edgecls.dataset.pixels.pixel_store import allocate_pixels
from edgecls.dataset.pixels.streamed_pixels import StreamedPixels
from edgecls.errors import DatasetError, ImageError
from edgecls.image_spec import ImageSpec
from edgecls.in_order import map_in_order

__all__ = ["CachedPictures", "cache_pictures"]


@dataclass(frozen=True)
class CachedPictures:
    """The pictures of a dataset that could be decoded.

    Attributes:
        labels: All labels.
        pixels: uint8, ``[N, height, width, channels]``: an array, or what decodes pictures when it
            is indexed like one.
        label_ids: int32, ``[N]``: index into `labels`.
        names: What each picture is called: its path.
        positions: int64, ``[N]``: its index among the pictures that were asked for.
        failures: Why each of the other pictures could not be used.
        sha256: Fingerprint of the used pictures and their labels, whatever their names and order.
    """

    labels: tuple[str, ...]
    pixels: npt.NDArray[np.uint8] | StreamedPixels
    label_ids: npt.NDArray[np.int32]
    names: tuple[str, ...]
    positions: npt.NDArray[np.int64]
    failures: tuple[ImageError, ...]
    sha256: str

    @property
    def counts(self) -> dict[str, int]:
        """Number of usable pictures for each label."""
        counted = np.bincount(self.label_ids, minlength=len(self.labels))
        return dict(zip(self.labels, counted.tolist(), strict=True))


def cache_pictures(
    pictures: LabelledPictures,
    spec: ImageSpec,
    *,
    workers: int,
    cache: Cache = Cache.MEMORY,
    folder: Path = Path(),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> CachedPictures:
    """Decode all pictures to the model's size.

    A picture that cannot be decoded is left out and listed, so that one damaged file does not end a
    training run. With Cache.STREAM, all are decoded once to find those, and none is kept.

    Args:
        pictures: What to decode.
        spec: The size, colour and fit rule.
        workers: Number of threads that decode.
        cache: Where the decoded pictures are kept; not AUTO.
        folder: Where the file of Cache.DISK goes; it has no name and needs no removing.
        on_progress: Called with the number of pictures done and the number of all.

    Raises:
        DatasetError: Of some label that has pictures, none can be decoded, or there is no room for all.
    """
    total = len(pictures.paths)
    pixels = allocate_pixels((total, *spec.shape_hwc), cache, folder=folder)
    kept: list[int] = []
    failures: list[ImageError] = []
    digests: list[bytes] = []
    for index, outcome in enumerate(_decode_in_order(pictures.paths, spec, workers)):
        if isinstance(outcome, ImageError):
            failures.append(outcome)
        else:
            if pixels is not None:
                pixels[len(kept)] = outcome[0]
            digests.append(pictures.labels[pictures.label_ids[index]].encode() + b"\0" + outcome[1])
            kept.append(index)
        on_progress(index + 1, total)
    label_ids = np.asarray([pictures.label_ids[index] for index in kept], np.int32)
    if lost := sorted(set(pictures.label_ids) - set(label_ids.tolist())):
        named = ", ".join(repr(pictures.labels[label_id]) for label_id in lost)
        raise DatasetError(f"no picture of label {named} can be used; the first fault: {failures[0]}")
    paths = [pictures.paths[index] for index in kept]
    return CachedPictures(
        labels=pictures.labels,
        pixels=StreamedPixels(paths, spec) if pixels is None else pixels[: len(kept)],
        label_ids=label_ids,
        names=tuple(map(str, paths)),
        positions=np.asarray(kept, np.int64),
        failures=tuple(failures),
        sha256=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
    )


Decoded = tuple[image.Pixels, bytes]
"""A picture at the model's size, and the SHA-256 of its file."""


def _decode_in_order(paths: Sequence[Path], spec: ImageSpec, workers: int) -> Iterator[Decoded | ImageError]:
    def decode_one(path: Path) -> Decoded | ImageError:
        try:
            data = image.read_file(path)
            return image.decode_to_fit(data, spec, name=str(path)), hashlib.sha256(data).digest()
        except ImageError as error:
            return error

    yield from map_in_order(decode_one, paths, workers=workers)
