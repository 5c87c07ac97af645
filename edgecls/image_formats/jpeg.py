"""JPEG (ITU-T T.81)."""

import re
import struct

from edgecls.image_formats.header import MAX_PARTS, UPRIGHT, DamagedHeaderError, ImageHeader
from edgecls.image_formats.tiff_tags import exif_orientation

__all__ = ["as_tiff", "read_jpeg", "stuffed_as_tiff", "without_end_marker"]

MAX_JPEG_SCANS = 100  # a progressive JPEG has about ten; each one more costs a pass over all pixels

_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)  # start of frame
_ARITHMETIC = range(0xC9, 0xD0)  # start of frame; such data may end before its decoder does
_NO_BODY = (0x00, 0x01, *range(0xD0, 0xD8))  # a stuffed FF, TEM and restart markers
_COEFFICIENTS = 64  # of a block

# What ends compressed data: neither a stuffed FF nor a restart marker. With fill bytes before it, finding it
# would take ten times as long.
_END_OF_SCAN = re.compile(b"\xff[\x01-\xcf\xd8-\xfe]")

# Bits that no block needs: a decoder reads up to 8 bytes ahead. Ones make for long codes, so that a missing block does
# not come out of them, and the decoder, which finds neither data nor a marker, gives up.
_READ_AHEAD = b"\xfe" * 8

_RESTARTS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
# Data for a scan that lacks some, without an FF. Of eleven patterns, this one most often changed the pixels.
_STUFFING = b"\xdb\x6d\xb6" * 40


def read_jpeg(data: bytes) -> ImageHeader:
    """Walk the segments up to the compressed image; of a JPEG with several scans, through all of them.

    Stray bytes between segments are passed over, as libjpeg does: some webcams write them.
    """
    size: tuple[int, int] | None = None
    frame = 0
    precision: dict[int, list[int | None]] = {}  # for each component, the lowest bit that is known of each coefficient
    orientation = UPRIGHT
    sampling = b""
    profile: dict[int, bytes] = {}  # its pieces, by their numbers
    scan_ends: list[int] = []
    position = 2
    for _ in range(MAX_PARTS):
        position = data.find(b"\xff", position)
        if position < 0 or position + 1 >= len(data):
            break
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        position += 2
        if marker in _NO_BODY:
            continue
        if marker == 0xD9:
            if not scan_ends:
                raise DamagedHeaderError("the JPEG has no image data")
            if any(bit != 0 for bits in precision.values() for bit in bits):
                raise DamagedHeaderError("the JPEG is cut short: scans are missing", cut_short=True)
            return ImageHeader(
                "JPEG",
                *_known(size),
                orientation=orientation,
                scan_ends=() if frame in _ARITHMETIC else tuple(scan_ends),
                components=tuple(sampling),
                color_profile=_joined(profile),
            )
        if marker == 0xD8:
            raise DamagedHeaderError("the JPEG is cut short: another one begins in it", cut_short=True)
        (length,) = struct.unpack_from(">H", data, position)
        body = position + 2
        if marker == 0xE1 and data[body : body + 6] == b"Exif\0\0" and orientation == UPRIGHT:
            orientation = exif_orientation(data[body + 6 : position + length])
        elif marker == 0xE2 and data[body : body + 12] == b"ICC_PROFILE\0":
            profile.setdefault(data[body + 12], data[body + 14 : position + length])
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            frame = marker
            height, width = struct.unpack_from(">HH", data, body + 1)
            size = (width, height)
            components_end = body + 6 + 3 * data[body + 5]
            precision = {component: [None] * _COEFFICIENTS for component in data[body + 6 : components_end : 3]}
            sampling = data[body + 7 : components_end : 3]
        elif marker == 0xDA:  # start of scan
            found = _END_OF_SCAN.search(data, position + length)
            if found is None:
                break
            end = found.start()
            while data[end - 1] == 0xFF:  # fill bytes
                end -= 1
            if frame not in _PROGRESSIVE and data[body] == len(precision):  # one scan is the whole image
                whole_scan = () if frame in _ARITHMETIC else (end,)
                return ImageHeader(
                    "JPEG",
                    *_known(size),
                    orientation=orientation,
                    scan_ends=whole_scan,
                    color_profile=_joined(profile),
                )
            if not scan_ends and data.count(b"\xff\xda", position) > MAX_JPEG_SCANS:
                raise DamagedHeaderError(f"the JPEG has more than {MAX_JPEG_SCANS} scans")
            scan_ends.append(end)
            _note_scan(precision, data, body, is_progressive=frame in _PROGRESSIVE)
            position = end
            continue
        position += length
    if size is None:
        raise DamagedHeaderError("its header is damaged or cut short")
    raise DamagedHeaderError("the JPEG is cut short: its end marker is missing", cut_short=True)


def _joined(profile: dict[int, bytes]) -> bytes:
    return b"".join(profile[number] for number in sorted(profile))


def without_end_marker(data: bytes, scan_end: int) -> bytes:
    """Return a JPEG of one scan such that libjpeg fails where data are missing.

    At a marker it would make up the rest of the image, which comes out grey, and only warn.
    """
    return data[:scan_end] + _READ_AHEAD


def stuffed_as_tiff(data: bytes, header: ImageHeader) -> bytes:
    """Return a JPEG of several scans as `as_tiff` does, with further data after those of each scan.

    They change the pixels if a scan lacks data, and are passed over if it is whole.
    """
    pieces, start = [], 0
    for end in header.scan_ends:
        last = max(data.rfind(marker, start, end) for marker in _RESTARTS)
        following = _RESTARTS.index(data[last : last + 2]) + 1 if last >= 0 else 0
        pieces += [data[start:end], _STUFFING]
        pieces += [_RESTARTS[(following + step) % 8] + _STUFFING for step in range(8)]
        start = end
    return as_tiff(b"".join((*pieces, data[start:])), header)


def as_tiff(data: bytes, header: ImageHeader) -> bytes:
    """Return a JPEG inside a TIFF: libtiff decodes it with libjpeg too, but prints no warnings."""
    count = len(header.components)
    shared = count > 2  # values of more than 4 bytes do not fit into their entry
    end_of_directory = 8 + 2 + 12 * 10 + 4
    width, height = header.width, header.height
    across, down = header.components[0] >> 4, header.components[0] & 15
    entries = (
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, count, end_of_directory if shared else 8 | 8 << 16),  # bits a sample
        (259, 3, 1, 7),  # compressed as JPEG
        (262, 3, 1, {1: 1, 3: 6}.get(count, 5)),  # grey, YCbCr or CMYK
        (273, 4, 1, end_of_directory + 8),  # where the data are
        (277, 3, 1, count),
        (278, 4, 1, height),  # all rows in one strip
        (279, 4, 1, len(data)),
        (530, 3, 2, across | down << 16),
    )
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return head + struct.pack("<4H", 8, 8, 8, 8) + data


def _known(size: tuple[int, int] | None) -> tuple[int, int]:
    if size is None:
        raise DamagedHeaderError("the JPEG has no frame header")
    return size


def _note_scan(precision: dict[int, list[int | None]], data: bytes, body: int, *, is_progressive: bool) -> None:
    """Note what one scan of several tells of the coefficients."""
    count = data[body]
    first, last, bits = data[body + 1 + 2 * count : body + 4 + 2 * count]
    if not is_progressive:
        first, last, bits = 0, _COEFFICIENTS - 1, 0
    for component in data[body + 1 : body + 1 + 2 * count : 2]:
        if component in precision:
            for coefficient in range(first, min(last + 1, _COEFFICIENTS)):
                precision[component][coefficient] = bits & 0x0F
