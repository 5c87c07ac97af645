"""All pictures of a dataset as one array: decoded once, in parallel, kept as uint8."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgecls import image
from edgecls.dataset.labelled_pictures import LabelledPictures
from edgecls.errors import DatasetError, ImageError
from edgecls.image_spec import ImageSpec

__all__ = ["CachedPictures", "cache_pictures"]


@dataclass(frozen=True)
class CachedPictures:
    """The pictures of a dataset that could be decoded.

    Attributes:
        labels: All labels.
        pixels: uint8, ``[N, height, width, channels]``.
        label_ids: int32, ``[N]``: index into `labels`.
        names: What each picture is called: its path.
        failures: Why each of the other pictures could not be used.
        sha256: Fingerprint of the used pictures and their labels, whatever their names and order.
    """

    labels: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    label_ids: npt.NDArray[np.int32]
    names: tuple[str, ...]
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
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> CachedPictures:
    """Decode all pictures to the model's size.

    A picture that cannot be decoded is left out and listed, so that one damaged file does not end a
    training run.

    Args:
        pictures: What to decode.
        spec: The size, colour and fit rule.
        workers: Number of threads that decode.
        on_progress: Called with the number of pictures done and the number of all.

    Raises:
        DatasetError: Of some label, no picture can be decoded.
    """
    total = len(pictures.paths)
    pixels = np.empty((total, *spec.shape_hwc), np.uint8)
    kept: list[int] = []
    failures: list[ImageError] = []
    digests: list[bytes] = []
    for index, outcome in enumerate(_decode_in_order(pictures.paths, spec, workers)):
        if isinstance(outcome, ImageError):
            failures.append(outcome)
        else:
            pixels[len(kept)], digest = outcome
            digests.append(pictures.labels[pictures.label_ids[index]].encode() + b"\0" + digest)
            kept.append(index)
        on_progress(index + 1, total)
    label_ids = np.asarray([pictures.label_ids[index] for index in kept], np.int32)
    for index, label in enumerate(pictures.labels):
        if index not in label_ids:
            raise DatasetError(f"no picture of label {label!r} can be used; the first fault: {failures[0]}")
    return CachedPictures(
        labels=pictures.labels,
        pixels=pixels[: len(kept)],
        label_ids=label_ids,
        names=tuple(str(pictures.paths[index]) for index in kept),
        failures=tuple(failures),
        sha256=hashlib.sha256(b"".join(sorted(digests))).hexdigest(),
    )


def _decode_in_order(
    paths: Sequence[Path], spec: ImageSpec, workers: int
) -> Iterator[tuple[image.Pixels, bytes] | ImageError]:
    def decode_one(path: Path) -> tuple[image.Pixels, bytes] | ImageError:
        try:
            data = image.read_file(path)
            return image.decode_to_fit(data, spec, name=str(path)), hashlib.sha256(data).digest()
        except ImageError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(decode_one, paths)
