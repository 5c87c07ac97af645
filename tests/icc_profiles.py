"""ICC profiles with a matrix, made up for tests."""

import struct
from typing import Any

import numpy as np

__all__ = [
    "ADOBE_RGB",
    "BT_2020",
    "DISPLAY_P3",
    "P3",
    "SRGB_PROFILE",
    "SRGB_TABLE_PROFILE",
    "TONE_CURVES",
    "fixed",
    "parametric",
    "profile_of",
    "table",
]

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
REC_2020 = ((0.67348, 0.27904, -0.00194), (0.16566, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
"""XYZ of red, green and blue, under D50."""


def fixed(*numbers: float) -> bytes:
    """Return numbers as profiles store them, in 65,536ths."""
    return struct.pack(f">{len(numbers)}i", *(round(65536 * number) for number in numbers))


def parametric(function: int, *parameters: float) -> bytes:
    """Return a tone curve by one of the five functions of ICC."""
    return b"para" + bytes(4) + struct.pack(">HH", function, 0) + fixed(*parameters)


def table(*values: int) -> bytes:
    """Return a tone curve by its values; of one value, a gamma in 256ths."""
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


SRGB_TONES = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
GAMMA = table(round(2.19921875 * 256))
SRGB_TABLE = table(
    *(round(65535 * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)) for v in np.linspace(0, 1, 1024))
)


TONE_CURVES = (
    SRGB_TONES,
    SRGB_TABLE,
    GAMMA,
    parametric(0, 1.8),
    parametric(1, 2.2, 1.02, -0.02),
    parametric(2, 2.2, 0.98, -0.02, 0.01),
    parametric(4, 2.4, 1 / 1.06, 0.055 / 1.06, 1 / 13, 0.04, 0.001, 0.0),
    table(),
)


def profile_of(
    tones: bytes, colorants: tuple[Any, ...] | None = P3, *, space: bytes = b"RGB ", name: str = "a"
) -> bytes:
    """Return a profile of one tone curve and a matrix, or of neither where there are no colorants."""
    text = name.encode("utf-16-be")
    tags = {
        b"desc": b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text,
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.82491),
    }
    if colorants:
        tags |= {n: b"XYZ " + bytes(4) + fixed(*c) for n, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tones)
    index, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for key, value in tags.items():
        index += struct.pack(">4sII", key, offset + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(128)
    struct.pack_into(">I4sI4s4s4s", head, 0, offset + len(body), b"    ", 0x04000000, b"mntr", space, b"XYZ ")
    head[36:40] = b"acsp"
    head[68:80] = fixed(0.9642, 1, 0.82491)
    return bytes(head) + index + body


DISPLAY_P3 = profile_of(SRGB_TONES, name="Display P3")
ADOBE_RGB = profile_of(GAMMA, ADOBE, name="Adobe RGB (1998)")
BT_2020 = profile_of(SRGB_TONES, REC_2020, name="BT.2020")
SRGB_PROFILE = profile_of(SRGB_TONES, SRGB)
SRGB_TABLE_PROFILE = profile_of(SRGB_TABLE, SRGB)
