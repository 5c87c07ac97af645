"""Fonts that have the glyphs, and the one built into OpenCV."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from edgecls.drawing import font as builtin_font
from edgecls.plots import fonts
from edgecls.plots.figure import figure, rgb_pixels
from edgecls.plots.fonts import BASE_FAMILY, choose_fonts, undrawable_remark

UNASSIGNED = "\u0378"  # a code point that Unicode leaves empty


@pytest.fixture(autouse=True)
def only_fonts_of_matplotlib(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a fresh machine: none but those that come with matplotlib."""
    manager = matplotlib.font_manager.fontManager
    own = [entry for entry in manager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(manager, "ttflist", own)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for cached in (fonts._families, fonts._installed_families, fonts._code_points):
        cached.cache_clear()


def _install_font(folder: Path, family: str, chars: str) -> None:
    """Make a font whose glyphs are black boxes, and tell matplotlib of it."""
    pen = TTGlyphPen(None)
    for move, point in (
        (pen.moveTo, (50, 0)),
        (pen.lineTo, (50, 700)),
        (pen.lineTo, (950, 700)),
        (pen.lineTo, (950, 0)),
    ):
        move(point)
    pen.closePath()
    box = pen.glyph()
    names = {ord(char): f"u{ord(char):04x}" for char in chars}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf(dict.fromkeys([".notdef", *names.values()], box))
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (1000, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(folder / f"{family}.ttf")
    matplotlib.font_manager.fontManager.addfont(folder / f"{family}.ttf")
    _forget()


@pytest.mark.parametrize("text", ["红玫瑰", "蒲公英 Löwenzahn", "ひまわり", "고양이", "牵牛花 (Ipomœa)"])
def test_chinese_japanese_and_korean_need_no_installed_font(text: str) -> None:
    assert builtin_font.covers(text)
    assert choose_fonts([text]).undrawable == ()
    assert undrawable_remark([text]) is None


def test_latin_greek_and_cyrillic_stay_with_the_base_font() -> None:
    choice = choose_fonts(["roses", "ρόδα", "розы", "Männertreu −1.5"])

    assert choice.families == (BASE_FAMILY,)
    assert choice.covers("roses ρόδα розы")
    assert not choice.covers("红")


@pytest.mark.parametrize("text", ["猫🦄", UNASSIGNED], ids=["emoji", "unassigned"])
def test_what_no_font_has_is_told_with_what_to_install(text: str) -> None:
    assert not builtin_font.covers(text)

    remark = undrawable_remark(["roses", text, "红", text])

    assert remark is not None
    assert f"all characters of {text!r}: the missing ones" in remark
    assert "apt install" in remark


def test_a_text_may_take_glyphs_from_both_kinds_of_fonts() -> None:
    choice = choose_fonts(["红 cat 猫😀!"])

    assert choice.undrawable == ()
    assert choice.runs("红 cat 猫") == ["红 cat 猫"]
    assert choice.runs("红 cat 猫😀!") == ["红", " cat ", "猫", "😀!"]


def test_an_installed_font_is_found_by_its_glyphs(tmp_path: Path) -> None:
    _install_font(tmp_path, "Some Emoji", "🦄")

    choice = choose_fonts(["uni 🦄"])

    assert choice.families == (BASE_FAMILY, "Some Emoji")
    assert choice.covers("uni 🦄")
    assert choice.undrawable == ()


def test_a_good_font_on_this_machine_comes_before_the_built_in_one(tmp_path: Path) -> None:
    _install_font(tmp_path, "Noto Sans CJK SC", "红花")
    _install_font(tmp_path, "Another", "红花")

    assert choose_fonts(["红花"]).families == (BASE_FAMILY, "Noto Sans CJK SC")


def test_a_font_without_a_bold_variant_is_used_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _install_font(tmp_path, "Noto Sans CJK SC", "红花")

    with figure(2, 1, texts=["红花"]) as made:
        made.text(0.1, 0.3, "红花", weight="bold", size=30)
    pixels = rgb_pixels(made)

    assert (pixels.min(axis=2) < 128).mean() > 0.08  # the black boxes of that font
    assert caplog.records == []


def test_a_font_of_which_the_file_is_gone_is_passed_over(tmp_path: Path) -> None:
    _install_font(tmp_path, "Some Emoji", "🦄")
    (tmp_path / "Some Emoji.ttf").unlink()

    assert choose_fonts(["🦄"]).families == (BASE_FAMILY,)


def test_a_drawn_line_lies_on_its_baseline_and_keeps_its_measures() -> None:
    width, height, descent = builtin_font.measure("红花g", size_px=40)
    mask, baseline = builtin_font.draw_mask("红花g", size_px=40)

    rows, columns = np.nonzero(mask)
    assert baseline - (height - descent) <= rows.min() < baseline - 25
    assert baseline < rows.max() <= baseline + descent
    assert columns.max() <= width
    assert 2 * 38 < width < 3 * 42
    assert abs(builtin_font.measure("红" * 50, size_px=40)[0] / 50 - 40) < 2
