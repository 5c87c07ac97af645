"""The font that OpenCV carries inside itself: Chinese, Japanese and Korean without any font installed.

OpenCV 5 has WenQuanYi Micro Hei built in. Its text functions draw a question mark for a character
that it lacks, and that is how one finds out. They draw letters side by side, from left to right, as
they are stored: scripts from right to left are turned round here, but Arabic letters stay unjoined.
"""

import functools
import re
import threading
import unicodedata
from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["covers", "draw_mask", "measure", "undrawable_remark"]

EM_SIZE = 1.06  # width of a full-width character, for a nominal size of 1
PROBE_PX = 24
LINE_ASCENT, LINE_DESCENT = 1.0, 0.3  # of the nominal size, enough for every glyph
REGULAR, BOLD = 400, 700
NAMED_AT_MOST = 5

_FROM_RIGHT = re.compile("R(?:[RN]*R)?")  # in a text of which each character is written as its direction


def covers(text: str) -> bool:
    """True where the built-in font has a glyph for every visible character of a text."""
    return all(map(_has_glyph, _visible(text)))


def undrawable_remark(texts: Iterable[str]) -> str | None:
    """Return what to tell the user about texts that will be drawn with question marks; None if there are none."""
    undrawable = [text for text in texts if not covers(text)]
    if not undrawable:
        return None
    named = ", ".join(map(repr, undrawable[:NAMED_AT_MOST])) + (", ..." if len(undrawable) > NAMED_AT_MOST else "")
    return f"OpenCV's font has not all characters of {named}: the missing ones are drawn as question marks"


def measure(text: str, *, size_px: float, bold: bool = False) -> tuple[float, float, float]:
    """Return width, height and depth below the baseline of a line of text, in pixels.

    Args:
        text: One line.
        size_px: Size of the font: the width of a Chinese character.
        bold: Use heavier strokes, which only Latin letters have.
    """
    nominal = _nominal(size_px)
    _, _, width, _ = cv2.getTextSize((0, 0), _visible(text), (0, 0), _font(), nominal, BOLD if bold else REGULAR)
    descent = LINE_DESCENT * nominal
    return float(width), LINE_ASCENT * nominal + descent, descent


def draw_mask(text: str, *, size_px: float, bold: bool = False) -> tuple[npt.NDArray[np.uint8], int]:
    """Draw a line of text.

    Returns:
        How much of each pixel is ink, uint8 ``[H, W]``, and the row of the baseline.
    """
    nominal = _nominal(size_px)
    width, _, _ = measure(text, size_px=size_px, bold=bold)
    baseline = 2 * nominal
    mask = np.zeros((3 * nominal, int(width) + 2 * nominal), np.uint8)
    cv2.putText(mask, _as_drawn(_visible(text)), (0, baseline), (255,), _font(), nominal, BOLD if bold else REGULAR)
    return mask, baseline


class _Fonts(threading.local):
    """A font for each thread: one that several draw with at once mixes up their letters."""

    def __init__(self) -> None:
        self.sans = cv2.FontFace("sans")


@functools.cache
def _fonts() -> _Fonts:
    return _Fonts()


def _font() -> cv2.FontFace:
    return _fonts().sans


def _nominal(size_px: float) -> int:
    return max(1, round(size_px / EM_SIZE))


def _visible(text: str) -> str:
    """Drop joiners, variation selectors and their like, which no font needs to have."""
    return "".join(char for char in text if not _is_invisible(char))


def _as_drawn(text: str) -> str:
    """Turn those parts of a text round that are read from right to left."""
    directions = "".join(map(_direction, text))
    for part in _FROM_RIGHT.finditer(directions):
        text = text[: part.start()] + text[part.start() : part.end()][::-1] + text[part.end() :]
    return text


def _direction(char: str) -> str:
    """Return R for letters read from the right, L for others and for digits, N for what takes after its neighbours."""
    kind = unicodedata.bidirectional(char)
    if kind in ("R", "AL"):
        return "R"
    return "L" if kind in ("L", "EN", "AN") else "N"


def _is_invisible(char: str) -> bool:
    """True for characters that change how their neighbours look and have no look of their own."""
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f"


@functools.cache
def _has_glyph(char: str) -> bool:
    return char in "? " or not np.array_equal(_probe(char), _probe("?"))


def _probe(char: str) -> npt.NDArray[np.uint8]:
    canvas = np.zeros((2 * PROBE_PX, 2 * PROBE_PX), np.uint8)
    cv2.putText(canvas, char, (PROBE_PX // 2, 3 * PROBE_PX // 2), (255,), _font(), PROBE_PX, REGULAR)
    return canvas
