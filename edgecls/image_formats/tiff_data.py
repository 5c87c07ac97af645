"""Whether the compressed data of a TIFF are all there (TIFF 6.0, and Adobe's technical notes on Deflate and JPEG).

libtiff fills what it has no data for with zeros, and OpenCV takes that for part of the image.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from edgecls.image_formats.header import DamagedHeaderError, ImageHeader
from edgecls.image_formats.jpeg import read_jpeg
from edgecls.image_formats.tiff_tags import byte_order, first_directory, undefined_bytes

__all__ = ["check_tiff_data"]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262  # tags
_OFFSETS, _SAMPLES, _ROWS_A_STRIP, _BYTE_COUNTS, _PLANAR = 273, 277, 278, 279, 284  # tags
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTE_COUNTS = 322, 323, 324, 325  # tags
_JPEG_TABLES, _SUBSAMPLING = 347, 530  # tags
_RAW, _JPEG = 1, 7  # compressions
_YCBCR = 6  # photometric interpretation
_MOST_PIECES = 1 << 20
_MOST_BYTES = 1 << 30  # of one strip or tile, as in OpenCV
_STEP = 1 << 20  # bytes inflated at once
_LZW_WALKED = 1 << 16  # bytes; code by code, in Python, this takes a fortieth of a second
_LZW_CLEAR, _LZW_END, _LZW_FIRST, _LZW_MOST = 256, 257, 258, 4096


@dataclass(frozen=True)
class _Piece:
    """A strip or tile of one plane: its compressed data, and how many bytes and pixels are to come out of them."""

    data: bytes
    size: int
    pixels: int


def check_tiff_data(data: bytes) -> Iterator[tuple[bytes, ImageHeader]]:
    """Check the strips or tiles of the first page, and yield each that is a JPEG, as a JPEG of its own.

    Raises:
        DamagedHeaderError: Data are missing.
    """
    order = byte_order(data)
    tags = first_directory(data, order, most=_MOST_PIECES)
    compression = tags.get(_COMPRESSION, (_RAW,))[0]
    if compression == _JPEG:
        tables = undefined_bytes(data, order, _JPEG_TABLES).removesuffix(b"\xff\xd9")
        for piece in _pieces(data, tags):
            jpeg = tables + piece.data.removeprefix(b"\xff\xd8") if tables else piece.data
            header = read_jpeg(jpeg)
            if header.width * header.height < piece.pixels:
                raise DamagedHeaderError("the TIFF is cut short: a JPEG in it is too small", cut_short=True)
            yield jpeg, header
        return
    pieces = list(_pieces(data, tags))
    walks_lzw = sum(len(piece.data) for piece in pieces) <= _LZW_WALKED
    for piece in pieces:
        match compression:
            case 1:  # raw
                is_whole = len(piece.data) >= piece.size
            case 8 | 32946:  # Deflate
                is_whole = _inflates_to(piece.data, piece.size)
            case 5:  # LZW
                ends = _ends_as_lzw(piece.data)
                is_whole = (ends and not walks_lzw) or _lzw_size(piece.data, piece.size) >= piece.size
            case 32773:  # PackBits
                is_whole = _packbits_size(piece.data) >= piece.size
            case _:  # fax and others: libtiff's word has to do
                is_whole = True
        if not is_whole:
            raise DamagedHeaderError("the TIFF is cut short: a part of the image lacks data", cut_short=True)


def _pieces(data: bytes, tags: dict[int, tuple[int, ...]]) -> Iterator[_Piece]:
    sizes = _sizes(tags)
    is_tiled = _TILE_WIDTH in tags
    offsets = tags.get(_TILE_OFFSETS if is_tiled else _OFFSETS) or tags.get(_OFFSETS, ())
    counts = tags.get(_TILE_BYTE_COUNTS if is_tiled else _BYTE_COUNTS) or tags.get(_BYTE_COUNTS, ())
    is_alone = len(sizes) == 1 or (tags.get(_PLANAR, (1,))[0] == 2 and len(sizes) == tags.get(_SAMPLES, (1,))[0])
    is_raw_and_alone = is_alone and tags.get(_COMPRESSION, (_RAW,))[0] == _RAW
    for index, (size, pixels) in enumerate(sizes):
        start = offsets[index] if index < len(offsets) else 0
        length = counts[index] if index < len(counts) and not is_raw_and_alone else 0
        # Of one piece, libtiff finds out by itself where the data end if that is not told, or of raw data wrongly told.
        if not length and (is_raw_and_alone or len(sizes) == 1):
            length = _MOST_BYTES
        if not (0 < start < len(data) and length):
            raise DamagedHeaderError("the TIFF is cut short: a part of the image is missing", cut_short=True)
        yield _Piece(data[start : start + length], size, pixels)


def _sizes(tags: dict[int, tuple[int, ...]]) -> list[tuple[int, int]]:
    """Return how many bytes and pixels are to come out of each strip or tile, all of one plane before the next."""
    width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
    samples, bits = tags.get(_SAMPLES, (1,))[0], tags.get(_BITS, (1,))[0]
    planes = samples if tags.get(_PLANAR, (1,))[0] == 2 else 1
    if _TILE_WIDTH in tags:
        tile_width, tile_height = tags[_TILE_WIDTH][0], tags.get(_TILE_HEIGHT, (0,))[0]
        if tile_width < 1 or tile_height < 1:
            raise DamagedHeaderError("the TIFF has tiles without pixels")
        sides = [(tile_width, tile_height)] * (-(-width // tile_width) * -(-height // tile_height))
    else:
        rows = min(tags.get(_ROWS_A_STRIP, (height,))[0], height)
        if rows < 1:
            raise DamagedHeaderError("the TIFF has strips without rows")
        sides = [(width, min(rows, height - top)) for top in range(0, height, rows)]
    if len(sides) * planes > _MOST_PIECES:
        raise DamagedHeaderError("the TIFF is in too many pieces")
    across, down = (*tags.get(_SUBSAMPLING, (2, 2)), 1)[:2]
    is_subsampled = tags.get(_PHOTOMETRIC, (0,))[0] == _YCBCR and planes == 1 and samples == 3 and across and down
    sizes = []
    for piece_width, piece_height in sides:
        if is_subsampled:
            size = -(-piece_width // across) * -(-piece_height // down) * (across * down + 2) * bits // 8
        else:
            size = -(-piece_width * (samples // planes) * bits // 8) * piece_height
        if size > _MOST_BYTES:
            raise DamagedHeaderError("the TIFF has a strip or tile of more than 1 GiB")
        sizes.append((size, piece_width * piece_height))
    return sizes * planes


def _inflates_to(compressed: bytes, size: int) -> bool:
    inflater = zlib.decompressobj()
    try:
        while size > 0:
            inflated = inflater.decompress(compressed, min(size, _STEP))
            compressed = inflater.unconsumed_tail
            if not inflated:
                return False
            size -= len(inflated)
    except zlib.error:
        return False
    return True


def _packbits_size(compressed: bytes) -> int:
    size = position = 0
    while position < len(compressed):
        run = compressed[position]
        if run < 128:  # so many bytes and one more, as they are
            size += min(run + 1, len(compressed) - position - 1)
            position += run + 2
        else:
            size += 257 - run if run > 128 and position + 1 < len(compressed) else 0
            position += 2 if run > 128 else 1
    return size


def _ends_as_lzw(compressed: bytes) -> bool:
    """True if the last code, of 9 to 12 bits before padding with zeros, is the one that ends the data."""
    tail = int.from_bytes(compressed.rstrip(b"\0")[-4:], "big")
    return bool(tail) and (tail // (tail & -tail)) & 0x1FF == _LZW_END


def _lzw_size(compressed: bytes, wanted: int) -> int:
    """Return how many bytes come out of LZW data, counted up to those wanted."""
    if compressed[:1] == b"\0" and len(compressed) > 1 and compressed[1] & 1:
        return wanted  # codes in the order of bits of before TIFF 5.0, which libtiff reads as well
    size = bits = available = 0
    lengths: list[int] = []  # of the strings behind the codes from 258 on
    width, previous = 9, 0  # the length of the string before; 0 after the table was cleared
    for byte in compressed:
        bits, available = (bits << 8 | byte) & 0xFFFFF, available + 8
        if available < width:
            continue
        available -= width
        code = bits >> available & ((1 << width) - 1)
        if code == _LZW_END:
            break
        if code == _LZW_CLEAR:
            lengths, width, previous = [], 9, 0
            continue
        known = len(lengths)
        if code < _LZW_CLEAR:
            length = 1
        elif code - _LZW_FIRST < known:
            length = lengths[code - _LZW_FIRST]
        elif code - _LZW_FIRST == known and previous:
            length = previous + 1
        else:
            break
        if previous and _LZW_FIRST + known < _LZW_MOST:
            lengths.append(previous + 1)
            if _LZW_FIRST + known + 1 >= (1 << width) - 1 and width < 12:
                width += 1
        size, previous = size + length, length
        if size >= wanted:
            break
    return size
