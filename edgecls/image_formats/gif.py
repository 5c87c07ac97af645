"""GIF (GIF89a)."""

import struct

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader

__all__ = ["read_gif"]


def read_gif(data: bytes) -> ImageHeader:
    """Read the canvas, and the first frame that is to be shown on it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _gif_color_table_size(flags)
    while data[position] == 0x21:  # extension blocks before the first frame
        position += 2
        while data[position]:
            position += 1 + data[position]
        position += 1
    if data[position] != 0x2C:
        raise DamagedHeaderError("the GIF has no frame")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, position + 1)
    if left + frame_width > width or top + frame_height > height:
        raise DamagedHeaderError("the first frame of the GIF is larger than its canvas")
    return ImageHeader("GIF", width, height, has_alpha=True)


def _gif_color_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
