"""ICC profiles (ICC.1): colours of images in Display P3, Adobe RGB and the like, converted to sRGB.

Only profiles of three tone curves and a matrix are applied. Those of tables, and those of printers, are left alone.
"""

import functools
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["MAX_PROFILE_BYTES", "SrgbConversion", "inflated_profile", "profile_of_primaries", "srgb_conversion"]

MAX_PROFILE_BYTES = 1 << 20
"""Larger profiles are passed over; those of a matrix have less than 100 kB."""

_KEPT_PROFILES = 32
_TONE_STEPS = 1 << 12  # of linear light; in the darkest tones, a step is 0.8 of a level
_SAME = 1.0  # a difference in levels of 255 that is not worth converting

_SRGB_FROM_XYZ_D50 = np.linalg.inv(
    np.array(
        [
            [0.4360747, 0.3850649, 0.1430804],
            [0.2225045, 0.7168786, 0.0606169],
            [0.0139322, 0.0971045, 0.7141733],
        ]
    )
)
"""XYZ under D50, ICC's connection space, to linear sRGB; the columns of the inverse are sRGB's adapted primaries."""

_PRIMARIES = {
    9: ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686)),  # BT.2020
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),  # Display P3
}
"""XYZ under D50 of red, green and blue, by the numbers of ITU-T H.273."""

_SDR_TRANSFERS = (1, 2, 6, 13, 14, 15)  # of H.273; read as sRGB's, as those of images in BT.709 are
_SRGB_TONES = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of function 3

_TRUNCATED = (struct.error, IndexError, ValueError)


@dataclass(frozen=True, eq=False)
class SrgbConversion:
    """From the colours of a profile to sRGB.

    Attributes:
        linear: Linear light of each level of red, green and blue: float32, ``[3, 256]``, from 0 to 1.
        matrix: Linear light of the profile to linear sRGB: float32, ``[3, 3]``.
    """

    linear: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float32]

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Convert pixels, uint8 ``[height, width, 3]`` in the order RGB; colours outside sRGB are clipped.

        Returns:
            A new array of the same shape.
        """
        light = cv2.transform(cv2.LUT(pixels, self.linear.T[np.newaxis]), self.matrix)
        steps = np.rint(np.clip(light, 0, 1) * (_TONE_STEPS - 1)).astype(np.uint16)
        return _levels_of_light()[steps]


@functools.lru_cache(_KEPT_PROFILES)
def srgb_conversion(profile: bytes) -> SrgbConversion | None:
    """Return how the colours of a profile become those of sRGB.

    Returns:
        None if they are the same to within a level of 255, or the profile is damaged or has no matrix. In the last
        case a warning is logged, once for each profile.
    """
    try:
        tags = _tags(profile)
        if profile[12:16] not in (b"mntr", b"scnr", b"spac", b"prtr") or profile[16:20] != b"RGB ":
            conversion = None
            is_matrix = profile[16:20] == b"GRAY"  # close to sRGB's tones, and of no colour
        else:
            is_matrix = profile[20:24] == b"XYZ " and {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"} <= set(
                tags
            )
            conversion = _of_matrix(profile, tags) if is_matrix else None
    except _TRUNCATED:
        return None
    if not is_matrix:
        import logging

        logging.getLogger(__name__).warning(
            "the colour profile %r has no matrix: colours of images with it are used as they are", _description(profile)
        )
    return conversion


@functools.cache
def profile_of_primaries(primaries: int, transfer: int) -> bytes:
    """Return the profile of colours that are given by numbers of ITU-T H.273, as AVIF and HEIC may do.

    Args:
        primaries: 12 for Display P3, 9 for BT.2020.
        transfer: How light becomes levels.

    Returns:
        b"" for other primaries, close to sRGB's or not, and for HDR.
    """
    if primaries not in _PRIMARIES or transfer not in _SDR_TRANSFERS:
        return b""
    columns, tones = [
        [
            kind + bytes(4) + extra + struct.pack(f">{len(row)}i", *(round(65536 * number) for number in row))
            for row in rows
        ]
        for kind, extra, rows in ((b"XYZ ", b"", _PRIMARIES[primaries]), (b"para", b"\0\3\0\0", (_SRGB_TONES,)))
    ]
    entries = [(b"rXYZ", 0), (b"gXYZ", 20), (b"bXYZ", 40), *((name, 60) for name in (b"rTRC", b"gTRC", b"bTRC"))]
    body = b"".join([*columns, *tones])
    start = 132 + 12 * len(entries)
    index = b"".join(struct.pack(">4sII", name, start + at, 20 if at < 60 else 32) for name, at in entries)
    head = bytes(12) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(88) + struct.pack(">I", len(entries))
    return head + index + body


def inflated_profile(compressed: bytes) -> bytes:
    """Return a profile that a PNG has compressed; b"" if it is damaged or too large."""
    try:
        stream = zlib.decompressobj()
        profile = stream.decompress(compressed, MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
    return profile if stream.eof else b""


def _of_matrix(profile: bytes, tags: dict[bytes, tuple[int, int]]) -> SrgbConversion | None:
    columns = [_xyz(profile, tags[name][0]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    linear = np.stack([_tone_curve(profile, *tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
    matrix = _SRGB_FROM_XYZ_D50 @ np.array(columns).T
    if not (np.isfinite(linear).all() and np.isfinite(matrix).all()):
        return None
    conversion = SrgbConversion(np.clip(linear, 0, 1).astype(np.float32), matrix.astype(np.float32))
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 9, 3)
    differences = np.abs(conversion(colors).astype(int) - colors)
    return None if differences.max() <= _SAME else conversion


def _tags(profile: bytes) -> dict[bytes, tuple[int, int]]:
    """Return offset and size of each tag."""
    if profile[36:40] != b"acsp":
        raise ValueError("no ICC profile")
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = (struct.unpack_from(">4sII", profile, 132 + 12 * index) for index in range(min(count, 200)))
    return {name: (offset, size) for name, offset, size in entries if offset + size <= len(profile)}


def _xyz(profile: bytes, offset: int) -> tuple[float, ...]:
    if profile[offset : offset + 4] != b"XYZ ":
        raise ValueError("no XYZ value")
    return tuple(number / 65536 for number in struct.unpack_from(">3i", profile, offset + 8))


def _tone_curve(profile: bytes, offset: int, size: int) -> npt.NDArray[np.float64]:
    """Return the linear light of each level, ``[256]``."""
    level = np.arange(256) / 255
    kind = profile[offset : offset + 4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", profile, offset + 8)
        if count == 0:
            return level
        if count == 1:
            gamma = struct.unpack_from(">H", profile, offset + 12)[0] / 256
            return np.asarray(level**gamma)
        if 12 + 2 * count > size:
            raise ValueError("the curve is cut short")
        table = np.frombuffer(profile, ">u2", count, offset + 12) / 65535
        return np.interp(level, np.linspace(0, 1, count), table)
    if kind != b"para":
        raise ValueError("no tone curve")
    (function,) = struct.unpack_from(">H", profile, offset + 8)
    count = (1, 3, 4, 5, 7)[function]
    g, a, b, c, d, e, f = _parameters(
        function, [n / 65536 for n in struct.unpack_from(f">{count}i", profile, offset + 12)]
    )
    with np.errstate(all="ignore"):
        return np.where(level >= d, np.maximum(a * level + b, 0) ** g + e, c * level + f)


def _parameters(function: int, given: list[float]) -> tuple[float, ...]:
    """Return the parameters of the most general function, y = (ax + b)^g + e from d up, and cx + f below."""
    g, *rest = given
    if function == 0:
        return g, 1, 0, 0, 0, 0, 0
    a, b = rest[:2]
    if function in (1, 2):
        base = rest[2] if function == 2 else 0
        return g, a, b, 0, -b / a if a else 0, base, base
    c, d = rest[2:4]
    e, f = rest[4:6] if function == 4 else (0, 0)
    return g, a, b, c, d, e, f


@functools.cache
def _levels_of_light() -> npt.NDArray[np.uint8]:
    """Return the level of sRGB of each step of linear light."""
    light = np.arange(_TONE_STEPS) / (_TONE_STEPS - 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * encoded), np.uint8)


def _description(profile: bytes) -> str:
    """Return the name of a profile, as far as it can be read."""
    try:
        offset, size = _tags(profile)[b"desc"]
        if profile[offset : offset + 4] == b"mluc":
            length, start = struct.unpack_from(">II", profile, offset + 20)
            return profile[offset + start : offset + start + min(length, size)].decode("utf-16-be", "replace")
        (length,) = struct.unpack_from(">I", profile, offset + 8)
        return profile[offset + 12 : offset + 12 + min(length, size)].rstrip(b"\0").decode("ascii", "replace")
    except (KeyError, *_TRUNCATED):
        return "without a name"
