"""Fonts that have the glyphs of given texts, out of those on this machine."""

import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from edgecls.drawing import font as builtin_font
from edgecls.extras import import_from_extra

__all__ = ["FontChoice", "choose_fonts", "undrawable_remark"]

BASE_FAMILY = "DejaVu Sans"  # comes with matplotlib
PREFERRED_FAMILIES = (
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic", "Malgun Gothic", "Apple SD Gothic Neo"),
    *("Noto Emoji", "Segoe UI Emoji", "Symbola", "Noto Sans", "Arial Unicode MS"),
)
"""Families to take glyphs from before any other, if they are installed."""

LAST_RESORT = "Last Resort"  # has a box for every character, which is no glyph
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class FontChoice:
    """How texts will be drawn.

    Attributes:
        families: Fonts of this machine, each taken for what those before it lack.
        code_points: The characters that these fonts have; the others are drawn by OpenCV's built-in font.
        undrawable: The texts among those asked for with a character that no font here has.
    """

    families: tuple[str, ...]
    code_points: frozenset[int]
    undrawable: tuple[str, ...]

    def covers(self, text: str) -> bool:
        """True where the fonts of this machine have every character of a text."""
        return all(ord(char) in self.code_points for char in text)

    def runs(self, text: str) -> list[str]:
        """Cut a text that these fonts do not cover into pieces to be drawn by either kind of font.

        It stays in one piece if the built-in font has all of it, so that it looks alike throughout.
        """
        if builtin_font.covers(text):
            return [text]
        return ["".join(chars) for _, chars in itertools.groupby(text, self.covers)]


def choose_fonts(texts: Iterable[str]) -> FontChoice:
    """Choose fonts that together have the glyphs of texts in any script.

    The fonts of this machine come first, for they may know emoji; whatever they lack falls to the
    font built into OpenCV, which knows Chinese, Japanese and Korean.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    unique = tuple(dict.fromkeys(texts))
    families = _families(frozenset(map(ord, "".join(unique))))
    code_points = frozenset[int]().union(*map(_code_points, families))
    undrawable = tuple(
        text for text in unique if not all(ord(char) in code_points or builtin_font.covers(char) for char in text)
    )
    return FontChoice(families, code_points, undrawable)


def undrawable_remark(texts: Iterable[str]) -> str | None:
    """Return what to tell the user about texts that will be drawn with question marks; None if there are none."""
    undrawable = choose_fonts(texts).undrawable
    if not undrawable:
        return None
    named = ", ".join(map(repr, undrawable[:NAMED_AT_MOST])) + (", ..." if len(undrawable) > NAMED_AT_MOST else "")
    return (
        f"no font on this machine has all characters of {named}: the missing ones are drawn as question marks; "
        "install a font that has them (on Debian and Ubuntu: apt install fonts-noto-core fonts-noto-cjk fonts-symbola)"
    )


@functools.cache
def _families(needed: frozenset[int]) -> tuple[str, ...]:
    """Return the base family and, one by one, installed families that have more of what is needed."""
    chosen = [BASE_FAMILY]
    missing = needed - _code_points(BASE_FAMILY)
    installed = _installed_families()
    preferred = [family for family in PREFERRED_FAMILIES if family in installed]
    for family in preferred:
        missing = _take(family, missing, chosen)
    # Opening all fonts of a machine takes a second or two: only for what the built-in font lacks as well.
    missing = frozenset(point for point in missing if not builtin_font.covers(chr(point)))
    for family in sorted(set(installed) - set(chosen)):
        if not missing:
            break
        missing = _take(family, missing, chosen)
    return tuple(chosen)


def _take(family: str, missing: frozenset[int], chosen: list[str]) -> frozenset[int]:
    """Add a family to those chosen if it has something that is missing, and return what is missing then."""
    left = missing - _code_points(family) if missing else missing
    if left != missing:
        chosen.append(family)
    return left


@functools.cache
def _installed_families() -> dict[str, str]:
    """Return the file of the regular font of every family on this machine."""
    font_manager = import_from_extra("matplotlib.font_manager", extra="data", purpose="drawing figures")
    found: dict[str, str] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.style == "normal" and entry.weight in (400, "normal", "regular") and LAST_RESORT not in entry.name:
            found.setdefault(entry.name, entry.fname)
    return found


@functools.lru_cache(maxsize=16)
def _code_points(family: str) -> frozenset[int]:
    """Return the characters a family has; none if its file cannot be read."""
    ft2font = import_from_extra("matplotlib.ft2font", extra="data", purpose="drawing figures")
    try:
        return frozenset(ft2font.FT2Font(_installed_families()[family]).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
