"""JPEG (ITU-T T.81)."""

import struct

from edgecls.image_formats.exif import exif_orientation
from edgecls.image_formats.header import MAX_PARTS, UPRIGHT, DamagedHeaderError, ImageHeader

__all__ = ["read_jpeg"]

MAX_JPEG_SCANS = 100  # a progressive JPEG has about ten; each one more costs a pass over all pixels

_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)  # start of frame


def read_jpeg(data: bytes) -> ImageHeader:
    """Walk the segments up to the compressed picture."""
    size: tuple[int, int] | None = None
    components = 0  # 0 for a progressive JPEG, whose scans are as many as it likes
    orientation = UPRIGHT
    position = 2
    for _ in range(MAX_PARTS):
        if data[position] != 0xFF:
            raise DamagedHeaderError("a JPEG marker is missing")
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # markers without a body
            continue
        (length,) = struct.unpack_from(">H", data, position)
        body = position + 2
        if marker == 0xE1 and data[body : body + 6] == b"Exif\0\0" and orientation == UPRIGHT:
            orientation = exif_orientation(data[body + 6 : position + length])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            height, width = struct.unpack_from(">HH", data, body + 1)
            size = (width, height)
            components = 0 if marker in _PROGRESSIVE else data[body + 5]
        elif marker == 0xDA:  # start of scan: the compressed picture
            if size is None:
                raise DamagedHeaderError("the JPEG has no frame header")
            # In compressed data every FF is followed by 00 or a restart marker, so these are real markers. The last
            # one is looked for from the end, where it is; one scan with all components is all that is decoded.
            if data.rfind(b"\xff\xd9", position) < 0:
                raise DamagedHeaderError("the JPEG is cut short: its end marker is missing")
            if data[body] != components and data.count(b"\xff\xda", position) > MAX_JPEG_SCANS:
                raise DamagedHeaderError(f"the JPEG has more than {MAX_JPEG_SCANS} scans")
            return ImageHeader("JPEG", *size, orientation=orientation)
        position += length
    raise DamagedHeaderError("the JPEG has no picture data")
