"""The font inside OpenCV: what it has, and which way round it draws."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from edgecls.drawing import font as builtin_font


@pytest.mark.parametrize("text", ["红玫瑰", "蒲公英 Löwenzahn", "ひまわり", "고양이", "ρόδο роза", "שושנה", "Ở đây"])
def test_many_scripts_need_no_installed_font(text: str) -> None:
    assert builtin_font.covers(text)
    assert builtin_font.undrawable_remark([text]) is None


def test_a_question_mark_is_not_taken_for_a_missing_glyph() -> None:
    assert builtin_font.covers("红? yes!")


def test_joiners_and_selectors_need_no_glyph() -> None:
    assert builtin_font.covers("红\u200d花\ufe0f")


def test_what_it_lacks_is_told_by_the_texts() -> None:
    remark = builtin_font.undrawable_remark(["roses", "🌹", "กุหลาบ", "红"])

    assert remark == (
        "OpenCV's font has not all characters of '🌹', 'กุหลาบ': the missing ones are drawn as question marks"
    )


def test_of_many_texts_some_are_named() -> None:
    remark = builtin_font.undrawable_remark(f"🌹{number}" for number in range(9))

    assert remark is not None
    assert remark.count("🌹") == builtin_font.NAMED_AT_MOST
    assert ", ...:" in remark


def test_many_threads_may_draw_at_once() -> None:
    texts = ["roses", "向日葵", "unknown (tulips?)", "שושנה"] * 50
    alone = {text: builtin_font.draw_mask(text, size_px=24, bold=True)[0] for text in texts}

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: builtin_font.draw_mask(text, size_px=24, bold=True)[0], texts))

    for text, mask in zip(texts, together, strict=True):
        np.testing.assert_array_equal(mask, alone[text])


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("שלום", "םולש"),
        ("rose שלום 12", "rose םולש 12"),
        ("שלום עולם", "םלוע םולש"),
        ("红 rose (2)", "红 rose (2)"),
    ],
    ids=["hebrew", "among-latin", "two-words", "left-to-right"],
)
def test_letters_read_from_the_right_are_drawn_so(text: str, drawn: str) -> None:
    mask, baseline = builtin_font.draw_mask(text, size_px=30)

    expected = np.zeros_like(mask)
    size = round(30 / builtin_font.EM_SIZE)
    cv2.putText(expected, drawn, (0, baseline), (255,), cv2.FontFace("sans"), size, builtin_font.REGULAR)
    np.testing.assert_array_equal(mask, expected)
