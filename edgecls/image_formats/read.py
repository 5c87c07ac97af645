"""Reading the header of an image in any supported format."""

import importlib.util
import struct
from collections.abc import Callable

from edgecls.errors import ImageDecodeError, UnsupportedImageError
from edgecls.image_formats.avif import read_avif
from edgecls.image_formats.bmp import read_bmp
from edgecls.image_formats.gif import read_gif
from edgecls.image_formats.header import DamagedHeaderError, ImageHeader
from edgecls.image_formats.heic import HEIC_BRANDS, read_heic
from edgecls.image_formats.iso_media import ftyp_brands
from edgecls.image_formats.jpeg import read_jpeg
from edgecls.image_formats.png import read_png
from edgecls.image_formats.pnm import read_pnm
from edgecls.image_formats.tiff import read_tiff
from edgecls.image_formats.webp import read_webp

__all__ = ["read_header"]

_READERS: tuple[tuple[bytes, Callable[[bytes], ImageHeader]], ...] = (
    (b"\xff\xd8\xff", read_jpeg),
    (b"\x89PNG\r\n\x1a\n", read_png),
    (b"GIF87a", read_gif),
    (b"GIF89a", read_gif),
    (b"BM", read_bmp),
    (b"II*\0", read_tiff),
    (b"MM\0*", read_tiff),
    *((b"P%d" % digit, read_pnm) for digit in range(1, 7)),
)


def read_header(data: bytes, *, name: str) -> ImageHeader:
    """Read format, size and orientation from an encoded image.

    Args:
        data: The whole encoded image.
        name: What to call the image in error messages.

    Raises:
        UnsupportedImageError: The format is not one that edgecls reads.
        ImageDecodeError: The header is damaged or cut short.
    """
    if not data:
        raise ImageDecodeError(f"cannot read {name!r}: the file is empty; save or download it again")
    reader = _find_reader(data, name)
    try:
        header = reader(data)
        if header.width < 1 or header.height < 1:
            raise DamagedHeaderError(f"its {header.format} header claims {header.width}x{header.height} pixels")
    except (struct.error, LookupError, ValueError) as error:
        known = (
            error if isinstance(error, DamagedHeaderError) else DamagedHeaderError("its header is damaged or cut short")
        )
        message = f"cannot read {name!r}: {known}; save or download it again"
        raise ImageDecodeError(message, cut_short=known.cut_short) from error
    return header


def _find_reader(data: bytes, name: str) -> Callable[[bytes], ImageHeader]:
    for magic, reader in _READERS:
        if data.startswith(magic):
            return reader
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return read_webp
    if data[4:8] == b"ftyp":
        brands = ftyp_brands(data)
        if brands & {b"avif", b"avis"}:
            return read_avif
        if brands & HEIC_BRANDS:
            if importlib.util.find_spec("pi_heif") is None:
                raise UnsupportedImageError(
                    f"cannot read {name!r}: HEIC images need the package 'pi-heif', which is not installed; "
                    'install it with: pip install "edgecls[heic]", or export the photo as JPEG'
                )
            return read_heic
    raise UnsupportedImageError(
        f"cannot read {name!r}: it is not an image in a supported format; "
        "give a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC or PPM file"
    )
