"""Figures: size, style, text in any script, and matplotlib left as it was."""

import subprocess
import sys
import warnings

import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.figure import Figure

from edgecls.plots.figure import COLORS, DPI, INK, figure, png_bytes


def _pixels(png: bytes) -> npt.NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.uint8)


def _draw_text(text: str, *, rotation: float = 0, color: str = INK) -> npt.NDArray[np.uint8]:
    with figure(3, 2, texts=[text]) as made:
        made.text(0.5, 0.5, text, rotation=rotation, color=color, ha="center", va="center", fontsize=20)
    return _pixels(png_bytes(made))


def _box(pixels: npt.NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the ink."""
    rows, columns = np.nonzero(pixels.min(axis=2) < 200)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_the_size_in_inches_gives_the_size_in_pixels() -> None:
    with figure(3, 2) as made:
        made.subplots().plot([1, 2, 3])

    assert _pixels(png_bytes(made)).shape == (2 * DPI, 3 * DPI, 3)


def test_the_settings_of_matplotlib_are_left_as_they_were() -> None:
    before = mpl.rcParams.copy()

    with figure(3, 2, texts=["红"]) as made:
        assert mpl.rcParams["axes.spines.top"] is False
        made.subplots().set_title("红")
    png_bytes(made)

    assert mpl.rcParams.copy() == before


def test_no_window_system_is_touched() -> None:
    script = (
        "import sys\n"
        "from edgecls.plots.figure import figure, png_bytes\n"
        "with figure(2, 2, texts=['红']) as made:\n"
        "    made.subplots().set_title('红')\n"
        "png_bytes(made)\n"
        "print('matplotlib.pyplot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    "text", ["红玫瑰", "蒲公英 roses", "ひまわり", "고양이", "Männertreu", "猫😀 cat", "猫🦄", "cost $5 and $6"]
)
def test_no_script_gives_a_warning_about_missing_glyphs(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with figure(4, 3, texts=[text]) as made:
            axes = made.subplots()
            axes.bar([text, "b"], [1, 2])
            axes.set_ylabel(text)
            axes.set_title(text)
            axes.legend([text])
        png_bytes(made)


def test_different_characters_look_different() -> None:
    """Boxes for missing glyphs would be all alike."""
    drawn = [_draw_text(char).tobytes() for char in "红玫瑰蒲公英"]

    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(
    "text", ["红玫瑰红玫瑰", "Rosenrot", "红玫😀瑰红"], ids=["built-in-font", "matplotlib-font", "both"]
)
def test_text_is_centred_and_can_be_turned(text: str) -> None:
    top, bottom, left, right = _box(_draw_text(text))
    assert abs((left + right) / 2 - 1.5 * DPI) < 6
    assert abs((top + bottom) / 2 - 1.0 * DPI) < 12
    assert right - left > 3 * (bottom - top)

    turned_top, turned_bottom, turned_left, turned_right = _box(_draw_text(text, rotation=90))
    assert abs((turned_bottom - turned_top) - (right - left)) <= 4
    assert abs((turned_right - turned_left) - (bottom - top)) <= 4
    assert abs((turned_top + turned_bottom) / 2 - 1.0 * DPI) < 6


def test_turned_text_reads_upwards() -> None:
    upright, turned = _draw_text("红·"), _draw_text("红·", rotation=90)

    # The dense character comes first: at the left when upright, at the bottom when turned by 90 degrees.
    ink = (upright.min(axis=2) < 200).sum(axis=0)
    turned_ink = (turned.min(axis=2) < 200).sum(axis=1)
    assert np.average(np.arange(len(ink)), weights=ink) < 1.5 * DPI
    assert np.average(np.arange(len(turned_ink)), weights=turned_ink) > 1.0 * DPI


def test_text_has_its_colour() -> None:
    pixels = _draw_text("红花", color=COLORS[1])

    darkest = pixels.reshape(-1, 3)[pixels.sum(axis=2).argmin()]
    assert "#" + "".join(f"{value:02x}" for value in darkest) == COLORS[1]


def test_only_its_own_figures_are_drawn() -> None:
    with pytest.raises(TypeError, match=r"figure made by edgecls\.plots\.figure"):
        png_bytes(Figure())
