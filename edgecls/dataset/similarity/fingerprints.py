"""Fingerprints of images: what their bytes and pixels say, in one parallel pass that decodes each image once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecls import image
from edgecls.dataset.similarity.measures import HASH_SPEC, Hashes, Layouts, color_layout, perceptual_hash
from edgecls.errors import ImageDecodeError, ImageError
from edgecls.image_formats import read_header
from edgecls.in_order import map_in_order

__all__ = ["Fingerprint", "UnusableImage", "fingerprint_images", "is_cut_short"]

BLANK_SPREAD = 4.0  # standard deviation in units of 1/255; the plainest of 2693 flower photos has 19


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """An image that can be decoded.

    Attributes:
        path: The file.
        sha256: Of its bytes, as hexadecimal digits.
        format: What its header says it is, as in "JPEG".
        height: In pixels, upright.
        width: In pixels, upright.
        spread: Standard deviation of the channel that varies most, of the image at 64x64 pixels, in units of 1/255.
        tint: Mean of red, of green and of blue, less the mean of all three.
        perceptual_hash: uint64, ``[4]``.
        layout: float16, ``[432]``.
    """

    path: Path
    sha256: str
    format: str
    height: int
    width: int
    spread: float
    tint: tuple[float, float, float]
    perceptual_hash: Hashes
    layout: Layouts

    @property
    def is_blank(self) -> bool:
        """True if the image is nearly of one colour; its perceptual hash is made of noise then."""
        return self.spread < BLANK_SPREAD


@dataclass(frozen=True)
class UnusableImage:
    """An image that cannot be decoded.

    Attributes:
        path: The file.
        reason: What is wrong with it.
        cut_short: Its format has an end, and the file does not reach it.
    """

    path: Path
    reason: ImageError
    cut_short: bool


def fingerprint_images(paths: Sequence[Path], *, workers: int) -> Iterator[Fingerprint | UnusableImage]:
    """Read and decode images and yield what they are, in the order of `paths`, in bounded memory.

    Args:
        paths: The images.
        workers: How many images to process at once, at least 1.

    Raises:
        MissingExtraError: ImageHash is not installed (extra "data").
    """
    yield from map_in_order(_fingerprint, paths, workers=workers)


def _fingerprint(path: Path) -> Fingerprint | UnusableImage:
    name = str(path)
    data = None
    try:
        data = image.read_file(path)
        pixels = image.decode_to_fit(data, HASH_SPEC, name=name)
        image.check_whole(data, name=name)
        header = read_header(data, name=name)
    except ImageError as error:
        known = isinstance(error, ImageDecodeError) and error.cut_short
        return UnusableImage(path, error, known or (data is not None and is_cut_short(data)))
    height, width = header.upright_hw
    red, green, blue = (pixels.mean(axis=(0, 1)) - pixels.mean()).tolist()
    return Fingerprint(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        format=header.format,
        height=height,
        width=width,
        spread=float(pixels.std(axis=(0, 1)).max()),
        tint=(red, green, blue),
        perceptual_hash=perceptual_hash(pixels),
        layout=color_layout(pixels),
    )


def is_cut_short(data: bytes) -> bool:
    """True if an encoded image lacks its end, in the formats that say where they end; an empty file does too."""
    if data.startswith(b"\xff\xd8\xff"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")  # a thumbnail in the header has an end as well
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if data.startswith(b"GIF8"):
        return not data.rstrip(b"\0").endswith(b";")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"BM"):
        return int.from_bytes(data[2:6], "little") > len(data)
    return not data
